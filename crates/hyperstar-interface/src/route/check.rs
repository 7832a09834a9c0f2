//! What is wrong with the routes of an app, before it runs.

use super::{Path, PathError};

/// A route that a handler or a view claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// A page.
    View {
        /// Its path.
        path: &'a str,
    },
    /// HTTP requests.
    Http {
        /// The method, any if none.
        method: Option<&'a str>,
        /// The path, by body if none.
        path: Option<&'a str>,
        /// The arguments that the handler needs.
        params: &'a [String],
    },
    /// WebSockets.
    Ws {
        /// Their path.
        path: &'a str,
    },
}

/// A claim that cannot stand: which one, because of which other, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The place of the claim.
    pub claim: usize,
    /// The place of the claim that it collides with.
    pub with: Option<usize>,
    /// What is wrong and what to do; `{0}` never stands in it.
    pub message: String,
}

/// All that is wrong with `claims`, which come with the names of their methods.
///
/// ```
/// use hyperstar_interface::{Claim, check};
///
/// let claims = [("page", Claim::View { path: "/" }), ("other", Claim::View { path: "/" })];
/// assert_eq!(check(&claims)[0].message, "`page` is already at `/`; give one of them another path");
/// ```
pub fn check(claims: &[(&str, Claim<'_>)]) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut good: Vec<(usize, &str, &Claim<'_>, Option<Path>)> = Vec::new();
    for (place, (name, claim)) in claims.iter().enumerate() {
        let path = match path_of(claim) {
            Ok(path) => path,
            Err(error) => {
                clashes.push(Clash {
                    claim: place,
                    with: None,
                    message: error.to_string(),
                });
                continue;
            }
        };
        let earlier = good
            .iter()
            .find_map(|(other, other_name, other_claim, other_path)| {
                let message = collision(other_name, other_claim, other_path, claim, &path)?;
                Some((*other, message))
            });
        if let Some((other, message)) = earlier {
            clashes.push(Clash {
                claim: place,
                with: Some(other),
                message,
            });
        }
        good.push((place, name, claim, path));
    }
    clashes
}

fn path_of(claim: &Claim<'_>) -> Result<Option<Path>, PathError> {
    match claim {
        Claim::View { path } | Claim::Ws { path } => path.parse().map(Some),
        Claim::Http { path, .. } => path.map(str::parse).transpose(),
    }
}

/// Why `claim` can never have its turn beside an earlier one.
fn collision(
    other_name: &str,
    other: &Claim<'_>,
    other_path: &Option<Path>,
    claim: &Claim<'_>,
    path: &Option<Path>,
) -> Option<String> {
    let at_one_path = match (other_path, path) {
        (Some(other), Some(own)) => other.is_like(own),
        (None, None) => true,
        _ => false,
    };
    if !at_one_path {
        return None;
    }
    let at = other_path.as_ref().map(Path::to_string).unwrap_or_default();
    match (other, claim) {
        (Claim::View { .. }, Claim::View { .. }) | (Claim::Ws { .. }, Claim::Ws { .. }) => Some(
            format!("`{other_name}` is already at `{at}`; give one of them another path"),
        ),
        (Claim::View { .. }, Claim::Http { method, .. })
        | (Claim::Http { method, .. }, Claim::View { .. })
            if matches!(method, Some("GET" | "HEAD")) =>
        {
            Some(format!(
                "`{other_name}` already answers GET at `{at}`; give one of them another path"
            ))
        }
        (
            Claim::Http {
                method: other_method,
                path: Some(_),
                ..
            },
            Claim::Http {
                method,
                path: Some(_),
                ..
            },
        ) if other_method == method => {
            let method = method.unwrap_or("every method");
            Some(format!(
                "`{other_name}` already answers {method} at `{at}`; give one of them another path or method"
            ))
        }
        (
            Claim::Http {
                method: other_method,
                path: None,
                params: other_params,
            },
            Claim::Http {
                method,
                path: None,
                params,
            },
        ) if other_method == method
            && matches!(method, Some("GET" | "HEAD"))
            && same(other_params, params) =>
        {
            let method = method.unwrap_or_default();
            Some(format!(
                "`{other_name}` takes the same from a {method} without a path, which has no body to tell them \
                 apart; give one of them a path"
            ))
        }
        _ => None,
    }
}

fn same(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}
