//! nginx with the module nchan as a server under test: subscribers get what a publisher posts. It
//! renders nothing; each change brings it the page. Its one worker does the work, so that its
//! processor time is that of all its processes.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::Start;
use crate::load::Request;
use crate::machine;
use crate::page::{FIRST, Page};
use crate::server::{PAGE, Subject};

pub(crate) const REMEDY: &str = "install it with `apt-get install nginx-light libnginx-mod-nchan`";

const PUBLISH: &str = "/publish";
const MODULES: [&str; 4] = [
    "/usr/lib/nginx/modules",
    "/usr/lib64/nginx/modules",
    "/usr/share/nginx/modules",
    "/etc/nginx/modules",
];
const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
/// It listens, and ends, by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is needed to post a page.
pub(crate) struct Nchan {
    page: Page,
    number: u64,
    /// Its configuration and whatever it writes; gone with this.
    _folder: TempDir,
}

/// Where nginx and its module are, if they are.
pub(crate) fn installed() -> Option<(PathBuf, PathBuf)> {
    let program = PROGRAMS
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())?;
    let module = MODULES
        .iter()
        .map(|folder| Path::new(folder).join("ngx_nchan_module.so"))
        .find(|path| path.exists())?;
    Some((program, module))
}

pub(super) fn start(start: Start) -> Result<(Child, SocketAddr, Nchan)> {
    let (program, module) =
        installed().with_context(|| format!("nginx with nchan is not there; {REMEDY}"))?;
    let folder = tempfile::tempdir().context("cannot make a folder for nginx")?;
    // It cannot say which port it got, so it is told one that is free just now.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = folder.path().join("nginx.conf");
    fs::write(&file, configuration(&module, folder.path(), address))?;
    let processors = machine::processors()?;
    if let Some(core) = start.core {
        // What it starts inherits it.
        machine::pin(core)?;
    }
    let child = Command::new(program)
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    machine::stay_on(&processors)?;
    let child = child.context("cannot start nginx")?;
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        let log = || fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
        ensure!(began.elapsed() < PATIENCE, "nginx did not start: {}", log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let nchan = Nchan {
        page: start.page,
        number: FIRST - 1,
        _folder: folder,
    };
    Ok((child, address, nchan))
}

/// Ends nginx, its workers with it.
pub(super) fn stop(child: &mut Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        // If it cannot be told, it is killed next.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let began = Instant::now();
    while began.elapsed() < PATIENCE && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Nchan {
    /// The request that shows the next page.
    pub(super) fn publish(&mut self) -> Request {
        self.number += 1;
        let html = self.page.html(self.number, "@post('/inc')");
        Request {
            method: "POST".to_owned(),
            path: PUBLISH.to_owned(),
            headers: vec![(
                "x-eventsource-event".to_owned(),
                "datastar-patch-elements".to_owned(),
            )],
            body: format!("elements <main id=\"page\">{html}</main>"),
        }
    }
}

fn configuration(module: &Path, folder: &Path, address: SocketAddr) -> String {
    let name = Subject::Nchan.name();
    let (module, folder) = (module.display(), folder.display());
    // As root its worker would become somebody who may not enter the folder.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "# {name}
load_module {module};
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections {descriptors}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 256k;
  nchan_shared_memory_size 256m;
  keepalive_requests 1000000000;
  server {{
    listen {address} backlog=4096;
    location = {PAGE} {{
      nchan_subscriber eventsource;
      nchan_channel_id page;
      nchan_subscriber_first_message newest;
    }}
    location = {PUBLISH} {{
      nchan_publisher;
      nchan_channel_id page;
      nchan_message_buffer_length 1;
    }}
  }}
}}
",
        descriptors = machine::streams_max()
    )
}
