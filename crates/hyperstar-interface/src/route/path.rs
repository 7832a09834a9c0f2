//! Paths with parameters: `/rooms/{room}`.

use std::fmt;

/// A path whose segments may be parameters.
///
/// `{name}` stands for one segment that is not empty, `{*name}` for all that follows, at least one segment.
///
/// ```
/// use hyperstar_interface::Path;
///
/// let path: Path = "/rooms/{room}".parse()?;
/// assert_eq!(path.matches("/rooms/tea"), Some(vec![("room", "tea")]));
/// assert_eq!(path.matches("/rooms"), None);
/// # Ok::<(), hyperstar_interface::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Param(String),
    Rest(String),
}

/// Why a path is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It is relative.
    #[error("the path `{0}` must begin with `/`: write `/{0}`")]
    Relative(String),
    /// It ends with `/`.
    #[error("the path `{0}` ends with `/`; leave it out")]
    SlashAtEnd(String),
    /// There is nothing between two `/`.
    #[error("the path `{0}` has an empty segment; leave one `/` out")]
    EmptySegment(String),
    /// Something that a decoded path cannot have.
    #[error("the path `{0}` has `{1}` in it; write it decoded and without a query")]
    Forbidden(String, char),
    /// `:name` or `*name`
    #[error("parameters are written `{{name}}`, all that follows `{{*name}}`: `{0}` is neither")]
    OtherStyle(String),
    /// A brace that is not a whole segment's.
    #[error("a parameter is a whole segment, `{{name}}`; `{0}` is not")]
    PartOfSegment(String),
    /// A name that an argument cannot have.
    #[error("the parameter `{{{0}}}` needs the name of an argument: letters, digits and `_`")]
    Name(String),
    /// A name twice.
    #[error("the parameter `{{{0}}}` is there twice; give them different names")]
    Twice(String),
    /// `{*rest}` in the middle.
    #[error("`{{*{0}}}` stands for all that follows, so nothing can follow it")]
    RestNotLast(String),
    /// A path of the framework's own.
    #[error("paths below `/_hs` and `/our.js` are the framework's; choose another than `{0}`")]
    Reserved(String),
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let Some(inside) = text.strip_prefix('/') else {
            return Err(PathError::Relative(text.to_owned()));
        };
        if let Some(c) = text
            .chars()
            .find(|c| matches!(c, '?' | '#' | '%' | '\\') || c.is_control())
        {
            return Err(PathError::Forbidden(text.to_owned(), c));
        }
        let mut path = Self {
            segments: Vec::new(),
        };
        if inside.is_empty() {
            return Ok(path);
        }
        if inside.ends_with('/') {
            return Err(PathError::SlashAtEnd(text.to_owned()));
        }
        if text == "/our.js" || text == "/_hs" || text.starts_with("/_hs/") {
            return Err(PathError::Reserved(text.to_owned()));
        }
        for segment in inside.split('/') {
            if let Some(Segment::Rest(name)) = path.segments.last() {
                return Err(PathError::RestNotLast(name.clone()));
            }
            if segment.is_empty() {
                return Err(PathError::EmptySegment(text.to_owned()));
            }
            let segment = Segment::parse(segment)?;
            if let Some(name) = segment.param()
                && path.params().any(|other| other == name)
            {
                return Err(PathError::Twice(name.to_owned()));
            }
            path.segments.push(segment);
        }
        Ok(path)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PathError> {
        if text.starts_with([':', '*']) {
            return Err(PathError::OtherStyle(text.to_owned()));
        }
        if !text.contains(['{', '}']) {
            return Ok(Self::Literal(text.to_owned()));
        }
        let inside = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
        let Some(inside) = inside.filter(|inside| !inside.contains(['{', '}'])) else {
            return Err(PathError::PartOfSegment(text.to_owned()));
        };
        let (name, rest) = match inside.strip_prefix('*') {
            Some(name) => (name, true),
            None => (inside, false),
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_numeric())
        {
            return Err(PathError::Name(inside.to_owned()));
        }
        Ok(match rest {
            true => Self::Rest(name.to_owned()),
            false => Self::Param(name.to_owned()),
        })
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Param(name) | Self::Rest(name) => Some(name),
        }
    }
}

impl Path {
    /// The names of its parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::param)
    }

    /// Whether it has no parameters.
    pub fn is_exact(&self) -> bool {
        self.params().next().is_none()
    }

    /// The parameters' values, if `path` (decoded, beginning with `/`) is one of those that this stands for.
    pub fn matches<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut left = path.strip_prefix('/')?;
        let mut values = Vec::new();
        for (place, segment) in self.segments.iter().enumerate() {
            if let Segment::Rest(name) = segment {
                return (!left.is_empty()).then(|| {
                    values.push((name.as_str(), left));
                    values
                });
            }
            let last = place + 1 == self.segments.len();
            let (here, after) = match left.split_once('/') {
                Some((here, after)) if !last => (here, after),
                None if last => (left, ""),
                _ => return None,
            };
            match segment {
                Segment::Literal(literal) if literal == here => {}
                Segment::Param(name) if !here.is_empty() => values.push((name.as_str(), here)),
                _ => return None,
            }
            left = after;
        }
        left.is_empty().then_some(values)
    }

    /// Whether both stand for the same paths: the names of parameters make no difference.
    pub fn is_like(&self, other: &Self) -> bool {
        self.shape() == other.shape()
    }

    pub(super) fn shape(&self) -> Vec<Option<&str>> {
        let segments = self.segments.iter();
        let shapes = segments.map(|segment| match segment {
            Segment::Literal(literal) => Some(literal.as_str()),
            Segment::Param(_) => None,
            // No segment has a `/` in it.
            Segment::Rest(_) => Some("/"),
        });
        shapes.collect()
    }

    /// Smaller is tried first: more literal segments, then those without `{*rest}`.
    pub(super) fn rank(&self) -> (std::cmp::Reverse<usize>, bool) {
        let literal = |segment: &&Segment| matches!(segment, Segment::Literal(_));
        let literals = self.segments.iter().filter(literal).count();
        let rest = matches!(self.segments.last(), Some(Segment::Rest(_)));
        (std::cmp::Reverse(literals), rest)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::Param(name) => write!(f, "/{{{name}}}")?,
                Segment::Rest(name) => write!(f, "/{{*{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let pattern: Path = pattern.parse().unwrap();
        assert_eq!(pattern.matches(path).as_deref(), expected, "{path}");
    }

    #[test]
    fn paths_match() {
        check("/", "/", Some(&[]));
        check("/", "", None);
        check("/", "/a", None);
        check("/a", "/a", Some(&[]));
        check("/a", "/a/", None);
        check("/a/b", "/a/b", Some(&[]));
        check("/a/b", "/a", None);
        check("/a/{b}", "/a/tea", Some(&[("b", "tea")]));
        check("/a/{b}", "/a/", None);
        check("/a/{b}", "/a/b/c", None);
        check("/{a}/b", "//b", None);
        check("/{a}/x/{b}", "/1/x/2", Some(&[("a", "1"), ("b", "2")]));
        check("/f/{*rest}", "/f/a/b/c", Some(&[("rest", "a/b/c")]));
        check("/f/{*rest}", "/f/", None);
        check("/f/{*rest}", "/f", None);
        check("/{*all}", "/a/b", Some(&[("all", "a/b")]));
        check("/ü/{n}", "/ü/é", Some(&[("n", "é")]));
    }

    #[test]
    fn bad_paths_say_what_to_write() {
        let cases = [
            "", "a/b", "/a/", "/a//b", "/a?b", "/%20", "/:id", "/*all", "/a{b}", "/{a", "/{a}{b}",
            "/{}", "/{1a}", "/{a b}", "/{a}/{a}", "/{*a}/b", "/_hs/x", "/our.js", "/a\\b",
        ];
        let mut texts = String::new();
        for case in cases {
            let error = case.parse::<Path>().unwrap_err();
            texts.push_str(&format!("{error}\n"));
        }
        insta::assert_snapshot!(texts);
    }

    proptest::proptest! {
        #[test]
        fn a_path_is_written_as_it_is_read(text in "(/([a-c]|\\{[a-z]\\})){0,4}") {
            if let Ok(path) = text.parse::<Path>() {
                let again: Path = path.to_string().parse().unwrap();
                assert_eq!(path, again);
            }
        }

        #[test]
        fn no_text_makes_it_panic(pattern in ".{0,20}", path in ".{0,20}") {
            if let Ok(pattern) = pattern.parse::<Path>() {
                let _ = pattern.matches(&path);
            }
        }
    }
}
