//! Splicing into `maud` templates: values render as the text of a double-quoted attribute.

use maud::Render;

use crate::escape::push_html_attr;
use crate::{ActionExpr, Expr, JsValue, Signal, SignalFilter};

macro_rules! render_as_attribute_text {
    ($($value:ty),+) => {
        $(impl Render for $value {
            fn render_to(&self, buffer: &mut String) {
                push_html_attr(buffer, &self.to_string());
            }
        })+
    };
}

render_as_attribute_text!(ActionExpr, Expr, JsValue, Signal, SignalFilter);
