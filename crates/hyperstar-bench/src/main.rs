//! Benchmarks of Hyperstar, beside its peers. `hyperstar-bench live` measures the live path,
//! `hyperstar-bench fanout` what it costs to reach many viewers, `hyperstar-bench store` the store,
//! `hyperstar-bench node` processes as components.
//!
//! Each server under test is a child process of this program, so that its processor time and memory
//! are its own. All traffic stays on 127.0.0.1. Stores are measured in this process.

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
#[cfg(all(target_os = "linux", feature = "node"))]
mod node;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod random;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod store;
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
        /// The store beside redb, SQLite and Git: reads, commits, versions, bytes, opening
        Store(store::Options),
        /// Processes as components: messages, calls, commits, starts, memory, pages, neighbours
        #[cfg(feature = "node")]
        Node(node::Options),
        /// Kills a node under load again and again, and compares what it kept with what it acknowledged
        #[cfg(feature = "node")]
        SoakNode(node::SoakOptions),
        /// Runs one server under test (the benchmarks do that by themselves)
        Serve(server::Options),
        /// Commits to one store under test, to be stopped or killed
        #[command(hide = true)]
        StoreChild(store::ChildOptions),
        /// Runs processes that wait
        #[cfg(feature = "node")]
        #[command(hide = true)]
        IdleChild(node::IdleOptions),
        /// Runs a node, to be killed
        #[cfg(feature = "node")]
        #[command(hide = true)]
        SoakChild(node::SoakChildOptions),
    }

    machine::raise_descriptors();
    let result = match Command::parse() {
        Command::Live(options) => live::run(&options),
        Command::Fanout(options) => fanout::run(&options),
        Command::Store(options) => store::run(&options),
        #[cfg(feature = "node")]
        Command::Node(options) => node::run(&options),
        #[cfg(feature = "node")]
        Command::SoakNode(options) => node::soak(&options),
        #[cfg(feature = "node")]
        Command::IdleChild(options) => node::idle_child(&options),
        #[cfg(feature = "node")]
        Command::SoakChild(options) => node::soak_child(&options),
        Command::Serve(options) => server::run(&options),
        Command::StoreChild(options) => store::child(&options),
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
