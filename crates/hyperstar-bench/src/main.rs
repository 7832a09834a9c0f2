//! Benchmarks of Hyperstar, beside its peers. `hyperstar-bench live` measures the live path.
//!
//! Each server under test is a child process of this program, so that its processor time and memory
//! are its own. All traffic stays on 127.0.0.1.

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    use clap::Parser;

    #[derive(Parser)]
    #[command(
        name = "hyperstar-bench",
        about = "Benchmarks of Hyperstar, beside its peers"
    )]
    enum Command {
        /// The live path: renders, bytes, memory, latency; with --build also what it takes to compile
        Live(live::Options),
        /// Runs one server under test (the benchmarks do that by themselves)
        Serve(server::Options),
    }

    machine::raise_descriptors();
    match Command::parse() {
        Command::Live(options) => live::run(&options),
        Command::Serve(options) => server::run(&options),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the benchmarks read /proc and use epoll, so they run on Linux alone");
    std::process::exit(2);
}
