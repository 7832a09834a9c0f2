//! Dead links in the documentation: every relative link and every anchor of every Markdown file
//! leads somewhere. The network is not asked; links with a scheme are left alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::shell;

/// Folders in which no documentation of ours is.
const SKIPPED: [&str; 3] = ["target", "node_modules", ".git"];

/// Checks all Markdown files of the repository.
pub(crate) fn run() -> Result<()> {
    let root = shell::root();
    let mut pages = BTreeMap::new();
    for path in markdown_files(&root)? {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("read {}", shell::shown(&path)))?;
        pages.insert(path, Page::parse(&text));
    }
    let links: usize = pages.values().map(|page| page.links.len()).sum();
    let dead = check(&root, &pages, &|path| path.exists());
    if dead.is_empty() {
        println!(
            "links: {} Markdown files, {links} links, none dead",
            pages.len()
        );
        return Ok(());
    }
    for one in &dead {
        eprintln!("  {one}");
    }
    bail!(
        "{} dead link(s); a heading's anchor is its text in lower case with `-` for spaces",
        dead.len()
    )
}

/// The links that lead nowhere, as `file:line: why`.
fn check(
    root: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    exists: &dyn Fn(&Path) -> bool,
) -> Vec<String> {
    let mut dead = Vec::new();
    for (path, page) in pages {
        let file = path.strip_prefix(root).unwrap_or(path).display();
        for Link { line, target } in &page.links {
            if let Err(why) = check_link(root, pages, path, target, exists) {
                dead.push(format!("{file}:{line}: `{target}`: {why}"));
            }
        }
    }
    dead
}

fn check_link(
    root: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    from: &Path,
    target: &str,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<(), String> {
    if has_scheme(target) || target.starts_with("//") {
        return Ok(());
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let path = percent_decode(path.split('?').next().unwrap_or_default());
    let goal = if path.is_empty() {
        from.to_path_buf()
    } else if let Some(path) = path.strip_prefix('/') {
        normal(&root.join(path))
    } else {
        normal(&from.parent().unwrap_or(root).join(&path))
    };
    if !goal.starts_with(root) {
        return Err("leads out of the repository".to_owned());
    }
    if !exists(&goal) {
        return Err(format!(
            "no file or folder {}",
            goal.strip_prefix(root).unwrap_or(&goal).display()
        ));
    }
    let (Some(anchor), Some(page)) = (anchor, pages.get(&goal)) else {
        return Ok(());
    };
    let anchor = percent_decode(anchor);
    if anchor.is_empty() || page.anchors.contains(&anchor) {
        return Ok(());
    }
    let mut known: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
    known.sort_unstable();
    Err(format!(
        "no heading with this anchor; there are: {}",
        known.join(", ")
    ))
}

/// What of a Markdown file matters here.
#[derive(Debug, Default)]
struct Page {
    links: Vec<Link>,
    anchors: HashSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Link {
    line: usize,
    target: String,
}

impl Page {
    fn parse(text: &str) -> Page {
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        let mut page = Page::default();
        let mut heading: Option<String> = None;
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let count = seen.entry(slug.clone()).or_default();
                    let anchor = match *count {
                        0 => slug,
                        again => format!("{slug}-{again}"),
                    };
                    *count += 1;
                    page.anchors.insert(anchor);
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link {
                        line,
                        target: dest_url.into_string(),
                    });
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => page.add_html(&html, line),
                _ => {}
            }
        }
        page
    }

    fn add_html(&mut self, html: &str, line: usize) {
        for (name, value) in attributes(html) {
            match name {
                "href" | "src" => self.links.push(Link {
                    line,
                    target: value.to_owned(),
                }),
                "id" | "name" => {
                    self.anchors.insert(value.to_owned());
                }
                _ => {}
            }
        }
    }
}

/// The `name="value"` pairs in a piece of HTML.
fn attributes(html: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let at = rest.find("=\"")?;
        let name = rest[..at]
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .next()?;
        let (value, after) = rest[at + 2..].split_once('"')?;
        rest = after;
        Some((name, value))
    })
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

fn has_scheme(target: &str) -> bool {
    target.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code
            .filter(|_| first == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path without `.` and `..`, by text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

fn markdown_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = folder
            .read_dir()
            .with_context(|| format!("list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|end| end == "md") {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks `README.md` with this text, in a repository with a guide and a source file.
    fn check_readme(text: &str) -> Vec<String> {
        let root = Path::new("/repo");
        let guide =
            "# The guide\n## Keys & `values`\n## Again\n## Again\n<a id=\"old-name\"></a>\n";
        let pages = BTreeMap::from([
            (root.join("README.md"), Page::parse(text)),
            (root.join("docs/guide.md"), Page::parse(guide)),
        ]);
        let files = [
            "/repo/README.md",
            "/repo/docs",
            "/repo/docs/guide.md",
            "/repo/a b.rs",
        ];
        check(root, &pages, &|path| {
            files.iter().any(|file| path == Path::new(file))
        })
    }

    #[test]
    fn links_that_lead_somewhere_are_accepted() {
        let good = [
            "[a](docs/guide.md) [b](./docs) [c](/docs/guide.md)",
            "[a](docs/guide.md#the-guide) [b](docs/guide.md#keys--values) [c](docs/guide.md#again-1)",
            "[a](docs/guide.md#old-name) [b](a%20b.rs#L10) [c](docs/../docs/guide.md)",
            "# Here\n[here](#here) <a href=\"docs/guide.md\">x</a>",
            "[web](https://example.org/nothing) <mailto:a@example.org> [x](//example.org)",
            "```\n[code](nothing.md)\n```\n`[code](nothing.md)`",
        ];
        for text in good {
            assert_eq!(check_readme(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn dead_links_are_named_with_their_line() {
        let bad = [
            (
                "one\n\n[x](docs/missing.md)",
                "README.md:3: `docs/missing.md`: no file or folder docs/missing.md",
            ),
            (
                "![x](logo.png)",
                "README.md:1: `logo.png`: no file or folder logo.png",
            ),
            (
                "[x][ref]\n\n[ref]: gone.md",
                "README.md:1: `gone.md`: no file or folder gone.md",
            ),
            (
                "<img src=\"gone.png\">",
                "README.md:1: `gone.png`: no file or folder gone.png",
            ),
            (
                "[x](../other/README.md)",
                "README.md:1: `../other/README.md`: leads out of the repository",
            ),
            (
                "# Top\n[x](#bottom)",
                "README.md:2: `#bottom`: no heading with this anchor; there are: top",
            ),
        ];
        for (text, expected) in bad {
            assert_eq!(check_readme(text), [expected], "{text}");
        }
    }
}
