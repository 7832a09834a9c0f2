//! Runs the app as a program of its own: `hyperstar run`, or `cargo run`.

fn main() -> Result<(), hyperstar_native::RunError> {
    hyperstar_native::run::<my_app::MyApp>()
}
