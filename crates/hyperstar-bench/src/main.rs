//! Benchmarks of Hyperstar, beside its peers. `hyperstar-bench live` measures the live path,
//! `hyperstar-bench fanout` what it costs to reach many viewers.
//!
//! Each server under test is a child process of this program, so that its processor time and memory
//! are its own. All traffic stays on 127.0.0.1.

#[cfg(target_os = "linux")]
mod audience;
#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod encoding;
#[cfg(target_os = "linux")]
mod events;
#[cfg(target_os = "linux")]
mod fanout;
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
mod report;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use clap::Parser;
    use std::process::ExitCode;

    #[derive(Parser)]
    #[command(
        name = "hyperstar-bench",
        about = "Benchmarks of Hyperstar, beside its peers"
    )]
    enum Command {
        /// The live path: renders, bytes, memory, latency; with --build also what it takes to compile
        Live(live::Options),
        /// Many viewers of one stream: a load client for any URL; without one, a comparison of servers
        Fanout(Box<fanout::Options>),
        /// Runs one server under test (the benchmarks do that by themselves)
        Serve(server::Options),
    }

    machine::raise_descriptors();
    let result = match Command::parse() {
        Command::Live(options) => live::run(&options),
        Command::Fanout(options) => fanout::run(&options),
        Command::Serve(options) => server::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the benchmarks read /proc and use epoll, so they run on Linux alone");
    std::process::exit(2);
}
