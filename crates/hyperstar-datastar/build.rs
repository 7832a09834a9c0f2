//! Finds the Datastar browser bundle for the feature `embed` and puts it into `OUT_DIR`.
//!
//! In this order: the file that `HYPERSTAR_DATASTAR_JS` names; `assets/datastar.js`, which a
//! published package carries; a crate in the registry that contains the file. Such a crate is only
//! downloaded, never compiled, and what comes out of it must have the digest written here.

#[cfg(feature = "embed")]
fn main() {
    if let Err(message) = embed::run() {
        println!("cargo::error={}", message.replace('\n', " "));
        std::process::exit(1);
    }
}

#[cfg(not(feature = "embed"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

#[cfg(feature = "embed")]
mod embed {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::{env, fs};

    use sha2::{Digest, Sha256};

    const ENV: &str = "HYPERSTAR_DATASTAR_JS";
    const LICENSE_SHA256: &str = "17da0e216d3c6a819526f5b72a6a44d84d34bcd9beb4191ac6af89c1508ef08f";

    /// What stands in for the licence's text where a copy of the bundle has none beside it.
    const LICENSE_NOTICE: &str = "Datastar, https://github.com/starfederation/datastar\n\
        Copyright © Star Federation\n\
        Distributed under the MIT licence: https://opensource.org/license/mit\n";

    /// A published crate that contains the bundle as its authors wrote it.
    struct Carrier {
        name: &'static str,
        version: &'static str,
        script: &'static str,
        script_sha256: &'static str,
        license: Option<&'static str>,
    }

    const CARRIERS: [Carrier; 2] = [
        // Datastar 1.0.4.
        Carrier {
            name: "runnerd-web",
            version: "0.0.21",
            script: "assets/datastar.js",
            script_sha256: "727844adfc825ee651fb93c544a2a739986f9a21820a94524b35f0cac470cf91",
            license: Some("assets/datastar.LICENSE.md"),
        },
        // Datastar 1.0.2.
        Carrier {
            name: "rama-http",
            version: "0.4.0",
            script: "src/service/web/endpoint/response/datastar.js",
            script_sha256: "2837d87acf6ee0ba8e4e63765926c25a98d63883b02f88be194a86b81d3fd24a",
            license: None,
        },
    ];

    struct Bundle {
        script: Vec<u8>,
        license: String,
    }

    pub(super) fn run() -> Result<(), String> {
        println!("cargo::rerun-if-changed=build.rs");
        // The folder always exists, so that a file which appears in it is noticed, and one that is
        // missing does not cause a run at every build.
        println!("cargo::rerun-if-changed=assets");
        println!("cargo::rerun-if-env-changed={ENV}");
        let crate_dir = PathBuf::from(var("CARGO_MANIFEST_DIR")?);
        let out_dir = PathBuf::from(var("OUT_DIR")?);

        let bundle = find(&crate_dir, &out_dir)?;
        let digest = Sha256::digest(&bundle.script);
        let sha256 = hex(&digest);
        let version = version(&bundle.script);
        let constants = format!(
            "/// The version of the bundle in this binary.\n\
             pub const BUNDLE_VERSION: &str = {version:?};\n\
             /// The SHA-256 digest of the bundle, in hexadecimal.\n\
             pub const BUNDLE_SHA256: &str = {sha256:?};\n\
             /// The path at which an app serves the bundle; it changes with the content.\n\
             pub const BUNDLE_PATH: &str = {path:?};\n\
             const BUNDLE_INTEGRITY: &str = {integrity:?};\n\
             const BUNDLE_ETAG: &str = {etag:?};\n",
            path = format!("/_datastar/{}.js", &sha256[..16]),
            integrity = format!("sha256-{}", base64(&digest)),
            etag = format!("\"{}\"", &sha256[..32]),
        );
        write(&out_dir.join("datastar.js"), &bundle.script)?;
        write(
            &out_dir.join("datastar.LICENSE.md"),
            bundle.license.as_bytes(),
        )?;
        write(&out_dir.join("bundle.rs"), constants.as_bytes())
    }

    fn find(crate_dir: &Path, out_dir: &Path) -> Result<Bundle, String> {
        if let Some(path) = env::var_os(ENV).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            println!("cargo::rerun-if-changed={}", path.display());
            let script = fs::read(&path).map_err(|error| {
                format!("cannot read {}, which {ENV} names: {error}", path.display())
            })?;
            let license = fs::read_to_string(path.with_file_name("datastar.LICENSE.md"));
            return Ok(Bundle {
                script,
                license: license.unwrap_or_else(|_| notice()),
            });
        }
        let asset = crate_dir.join("assets/datastar.js");
        if asset.exists() {
            let script = fs::read(&asset)
                .map_err(|error| format!("cannot read {}: {error}", asset.display()))?;
            check(&asset, &script, CARRIERS[0].script_sha256)?;
            return Ok(Bundle {
                script,
                license: license(&asset.with_file_name("datastar.LICENSE.md")),
            });
        }
        let mut failures = String::new();
        // The newer version, downloaded if need be, before the older one.
        for (offline, carrier) in [(true, 0), (false, 0), (true, 1), (false, 1)]
            .map(|(offline, at)| (offline, &CARRIERS[at]))
        {
            match from_registry(carrier, offline, crate_dir, out_dir) {
                Ok(bundle) => return Ok(bundle),
                Err(error) => {
                    let how = if offline { "offline" } else { "online" };
                    let _ = write!(
                        failures,
                        "; {} {} {how}: {error}",
                        carrier.name, carrier.version
                    );
                }
            }
        }
        Err(format!(
            "the Datastar browser bundle was not found. Let cargo reach the registry once, or set \
             {ENV} to the path of a datastar.js, or put the one with the SHA-256 {} at {}, or build \
             without the feature `embed` and use `ClientSource::cdn()`. Tried{}",
            CARRIERS[0].script_sha256,
            asset.display(),
            failures.replacen(';', ":", 1),
        ))
    }

    /// Asks cargo where the sources of `carrier` are, by a package that depends on nothing else.
    fn from_registry(
        carrier: &Carrier,
        offline: bool,
        crate_dir: &Path,
        out_dir: &Path,
    ) -> Result<Bundle, String> {
        let probe = out_dir.join("probe");
        fs::create_dir_all(&probe).map_err(|error| error.to_string())?;
        let manifest = probe.join("Cargo.toml");
        write(&probe.join("lib.rs"), b"")?;
        write(
            &manifest,
            format!(
                "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                 [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n\
                 {} = {{ version = \"={}\", default-features = false }}\n",
                carrier.name, carrier.version
            )
            .as_bytes(),
        )?;
        // A lock file of an earlier, online attempt may name what is not here.
        let _ = fs::remove_file(probe.join("Cargo.lock"));

        let mut cargo = Command::new(var("CARGO")?);
        cargo
            .args([
                "metadata",
                "--format-version",
                "1",
                "--quiet",
                "--manifest-path",
            ])
            .arg(&manifest)
            // Where the user's cargo configuration (mirrors, proxies, vendoring) is found.
            .current_dir(crate_dir);
        if offline {
            cargo.arg("--offline");
        }
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_LINKER",
            "CARGO_BUILD_TARGET",
            "CARGO_MAKEFLAGS",
            "MAKEFLAGS",
        ] {
            cargo.env_remove(name);
        }
        let output = cargo
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(stderr
                .lines()
                .next()
                .unwrap_or("cargo failed")
                .trim()
                .to_owned());
        }
        let metadata = String::from_utf8_lossy(&output.stdout);
        let folder = package_folder(&metadata, carrier)
            .ok_or_else(|| "cargo does not say where its sources are".to_owned())?;
        let path = folder.join(carrier.script);
        let script =
            fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        check(&path, &script, carrier.script_sha256)?;
        let license = carrier
            .license
            .map_or_else(notice, |file| license(&folder.join(file)));
        Ok(Bundle { script, license })
    }

    /// The folder of a package, from the output of `cargo metadata`: the only manifest path whose
    /// folder is called after the package (or, when vendored, just after its name).
    fn package_folder(metadata: &str, carrier: &Carrier) -> Option<PathBuf> {
        const KEY: &str = "\"manifest_path\":\"";
        metadata.split(KEY).skip(1).find_map(|rest| {
            let manifest = PathBuf::from(json_string(rest)?);
            let folder = manifest.parent()?;
            let name = folder.file_name()?.to_str()?;
            let versioned = format!("{}-{}", carrier.name, carrier.version);
            (name == versioned || name == carrier.name).then(|| folder.to_owned())
        })
    }

    /// A JSON string up to its closing quote. Paths need no other escapes than these.
    fn json_string(text: &str) -> Option<String> {
        let mut out = String::new();
        let mut chars = text.chars();
        loop {
            match chars.next()? {
                '"' => return Some(out),
                '\\' => out.push(chars.next().filter(|c| matches!(c, '\\' | '/' | '"'))?),
                c => out.push(c),
            }
        }
    }

    fn check(path: &Path, content: &[u8], sha256: &str) -> Result<(), String> {
        let found = hex(&Sha256::digest(content));
        if found == sha256 {
            return Ok(());
        }
        Err(format!(
            "{} has the SHA-256 {found} instead of {sha256}; to use it anyway, set {ENV} to its path",
            path.display()
        ))
    }

    fn license(path: &Path) -> String {
        match fs::read_to_string(path) {
            Ok(text) if hex(&Sha256::digest(text.as_bytes())) == LICENSE_SHA256 => text,
            _ => notice(),
        }
    }

    fn notice() -> String {
        LICENSE_NOTICE.to_owned()
    }

    /// The bundle begins with `// Datastar v1.0.4`.
    fn version(script: &[u8]) -> String {
        let start = String::from_utf8_lossy(&script[..script.len().min(200)]).into_owned();
        start
            .lines()
            .next()
            .and_then(|line| line.split_once("Datastar v"))
            .map_or("unknown", |(_, version)| version.trim())
            .to_owned()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            for place in 0..4 {
                if place <= chunk.len() {
                    out.push(char::from(
                        ALPHABET[(bits >> (18 - 6 * place) & 63) as usize],
                    ));
                } else {
                    out.push('=');
                }
            }
        }
        out
    }

    fn var(name: &str) -> Result<String, String> {
        env::var(name).map_err(|_| format!("cargo did not set {name}"))
    }

    fn write(path: &Path, content: &[u8]) -> Result<(), String> {
        fs::write(path, content)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}
