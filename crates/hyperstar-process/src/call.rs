//! What a handler is called with.

use hyperstar_interface::Interface;

use crate::abi::{CallError, Origin};
use crate::app::Outcome;
use crate::cx::Cx;

/// What a handler is called with.
pub struct Call {
    /// The context.
    pub cx: Cx,
    /// What came with it.
    pub body: Vec<u8>,
}

impl Call {
    /// A call without arguments: of the process itself.
    pub fn own(cx: Cx) -> Self {
        Self {
            cx,
            body: Vec::new(),
        }
    }

    /// The handler's place and its call.
    ///
    /// # Errors
    /// The answer where there is no such handler.
    pub fn find(
        interface: &Interface,
        cx: Cx,
        handler: &str,
        body: Vec<u8>,
    ) -> Result<(usize, Self), Outcome> {
        let name = match cx.origin() {
            Origin::Http(_) => cx.path().trim_start_matches('/'),
            _ => handler,
        };
        let found = interface.handlers.iter().position(|one| one.name == name);
        match found {
            Some(index) => Ok((index, Self { cx, body })),
            None => Err(Err(CallError::NoHandler(format!(
                "unknown handler `{name}`"
            )))),
        }
    }
}
