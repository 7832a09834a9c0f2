//! Starts the examples, each at an address of its own, and says where they are.
//!
//! They are processes of one [`Host`] in this program, on one store: the same structs that a node runs as
//! components.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `HYPERSTAR_HOST` | the address to listen on | `127.0.0.1` |
//! | `HYPERSTAR_PORT` | the first of six ports; 0 takes any free ones | `8080` |
//! | `HYPERSTAR_DATA` | the folder for what must last | `hyperstar-data` |

mod example;
mod settings;
mod welcome;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use hyperstar::{Access, App, ServeError, Server};
use hyperstar_native::Host;
use hyperstar_store::Store;
use look::Siblings;

pub use example::{Example, GRANTS, start};
pub use settings::Settings;

/// The file in the data folder.
const FILE: &str = "gallery.redb";

/// Serves examples as the environment says, until Ctrl-C or SIGTERM. What is wrong with the
/// environment, a port or the data folder is printed in one line, with its remedy.
pub async fn run(examples: &[Example]) -> ExitCode {
    match try_run(examples).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn try_run(examples: &[Example]) -> anyhow::Result<()> {
    let gallery = Gallery::bind(Settings::from_env()?, examples).await?;
    print!("{}", gallery.welcome());
    gallery.serve().await
}

/// Examples that listen, ready to answer.
pub struct Gallery {
    settings: Settings,
    host: Host,
    exhibits: Vec<Exhibit>,
}

struct Exhibit {
    example: Example,
    url: String,
    server: Server,
    app: App,
}

impl Gallery {
    /// Takes the ports, opens the data and starts the processes: all of it, or nothing.
    ///
    /// # Errors
    /// What cannot be had, and what to do.
    pub async fn bind(settings: Settings, examples: &[Example]) -> anyhow::Result<Self> {
        let mut listening = Vec::new();
        let mut siblings = Siblings::default();
        for &example in examples {
            let address = settings.address(example.index())?;
            let server = Server::bind(address.as_str()).await.map_err(explain)?;
            let address = server.local_addr()?;
            siblings = siblings.and(example.name(), &url(address), address.port());
            listening.push((example, url(address), server));
        }
        if examples.len() > 1 {
            siblings.introduce();
        }
        let host = Host::new("gallery", &open(&settings)?);
        start(&host, examples).await?;
        let exhibits = listening.into_iter().map(|(example, url, server)| {
            let app = host.app(example.process())?;
            Ok(Exhibit {
                example,
                url,
                server,
                app: app
                    .monitor("/monitor", Access::Loopback)
                    .metrics("/metrics", Access::Loopback),
            })
        });
        let exhibits = exhibits.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            settings,
            host,
            exhibits,
        })
    }

    /// What to open in a browser: names and addresses.
    pub fn links(&self) -> Vec<(Example, String)> {
        self.exhibits
            .iter()
            .map(|exhibit| (exhibit.example, exhibit.url.clone()))
            .collect()
    }

    /// The lines to greet with.
    pub fn welcome(&self) -> String {
        welcome::lines(&self.links(), &self.settings, welcome::Ink::of_stdout())
    }

    /// Ends when this future does, instead of on Ctrl-C or SIGTERM. Called once for each example.
    #[must_use]
    pub fn shutdown<F>(mut self, when: impl Fn() -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = |exhibit: Exhibit| Exhibit {
            server: exhibit.server.shutdown(when()),
            ..exhibit
        };
        self.exhibits = self.exhibits.into_iter().map(stopping).collect();
        self
    }

    /// Serves until the end.
    ///
    /// # Errors
    /// What made one of the examples stop.
    pub async fn serve(self) -> anyhow::Result<()> {
        let mut serving = tokio::task::JoinSet::new();
        for exhibit in self.exhibits {
            serving.spawn(exhibit.server.serve(exhibit.app));
        }
        while let Some(ended) = serving.join_next().await {
            ended.context("an example broke")??;
        }
        self.host.stop().await;
        Ok(())
    }
}

fn open(settings: &Settings) -> anyhow::Result<Store> {
    let folder = &settings.data;
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "cannot make the data folder {}; name another with HYPERSTAR_DATA",
            folder.display()
        )
    })?;
    let path = folder.join(FILE);
    Store::open(&path).context("the data cannot be had (HYPERSTAR_DATA names another folder)")
}

/// The address as a browser on this machine takes it.
fn url(address: SocketAddr) -> String {
    let port = address.port();
    match address {
        address if address.ip().is_unspecified() => format!("http://localhost:{port}"),
        address => format!("http://{address}"),
    }
}

fn explain(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Bind {
            address, source, ..
        } if source.kind() == std::io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use by another program; stop that one, or choose other ports, say HYPERSTAR_PORT=9080"
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn get(address: &str) -> String {
        let mut socket = TcpStream::connect(address.trim_start_matches("http://"))
            .await
            .unwrap();
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn each_example_answers_at_its_own_address_and_links_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            port: 0,
            data: folder.path().join("data"),
            ..Settings::default()
        };
        let gallery = Gallery::bind(settings.clone(), &Example::ALL)
            .await
            .unwrap();
        let links = gallery.links();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let gallery = gallery.shutdown(move || {
            let mut stopped = stopped.clone();
            async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            }
        });
        let serving = tokio::spawn(gallery.serve());
        for (example, url) in &links {
            let page = get(url).await;
            assert!(page.starts_with("HTTP/1.1 200"), "{example:?}: {page}");
            for (other, url) in &links {
                assert_eq!(
                    page.contains(url),
                    other != example,
                    "{example:?} and {other:?}: {page}"
                );
            }
        }
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
        assert!(settings.data.join(FILE).exists());
    }

    #[tokio::test]
    async fn a_port_in_use_is_said_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            port: 0,
            data: folder.path().to_owned(),
            ..Settings::default()
        };
        let first = Gallery::bind(settings.clone(), &[Example::Counter])
            .await
            .unwrap();
        let port: u16 = first.exhibits[0]
            .url
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let second = Gallery::bind(Settings { port, ..settings }, &[Example::Counter]).await;
        let message = second.err().unwrap().to_string();
        assert!(
            message.contains(&format!("127.0.0.1:{port} is in use")),
            "{message}"
        );
        assert!(message.contains("HYPERSTAR_PORT="), "{message}");
    }
}
