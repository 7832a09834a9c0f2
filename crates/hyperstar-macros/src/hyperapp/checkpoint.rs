//! Keeps what an exclusive handler changed before each of its awaits.
//!
//! `E.await` in an `async fn` with `self` becomes `match E { f => { checkpoint(&*self); f.await } }`. Where
//! `E` borrows from `self` for as long as it runs, `checkpoint` comes first, after what is worked out before:
//! those of its arguments that may change `self`, and the call that takes out of `self` what it is a method of,
//! as in `self.queue.remove(0).deliver().await`. Closures and `async` blocks inside are left alone: they do
//! not run here.
//!
//! What a call lends of `self` must be free again for `checkpoint`. So the calls that are known to lend it by
//! `&mut`, as `get_mut` does, are left where they are: what they change is kept with the next turn.

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{
    Arm, Attribute, Block, Expr, ExprAsync, ExprAwait, ExprBlock, ExprClosure, ExprMatch, ImplItem,
    Item, ItemImpl, Pat, Stmt, Token, parse_quote, parse_quote_spanned, token,
};

/// Rewrites the `async` methods of a block.
pub(super) fn add(block: &mut ItemImpl) {
    let functions = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) if function.sig.asyncness.is_some() => Some(&function.sig),
        _ => None,
    });
    let mut awaits = Awaits {
        own: functions.map(|signature| signature.ident.clone()).collect(),
    };
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let by_ref = function
            .sig
            .receiver()
            .is_some_and(|receiver| receiver.reference.is_some());
        if function.sig.asyncness.is_some() && by_ref {
            awaits.visit_block_mut(&mut function.block);
        }
    }
}

struct Awaits {
    /// The `async` methods of the block: what they return has `self`.
    own: Vec<Ident>,
}

impl VisitMut for Awaits {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        syn::visit_mut::visit_expr_mut(self, expr);
        if let Expr::Await(awaited) = expr {
            *expr = self.rewritten(awaited.clone());
        }
    }

    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut Item) {}
}

impl Awaits {
    fn rewritten(&self, mut awaited: ExprAwait) -> Expr {
        let span = Span::call_site().located_at(awaited.await_token.span());
        if !holds_self(&awaited.base) {
            let future = local("__future");
            let base = std::mem::replace(&mut *awaited.base, parse_quote!(#future));
            let arm = parse_quote_spanned!(span=> #future => {});
            return matched(base, arm, kept_and(awaited, span), span);
        }
        let mut hoisted = Hoisted::default();
        self.hoist(&mut awaited.base, &mut hoisted);
        let then = kept_and(awaited, span);
        let Hoisted {
            attributes,
            patterns,
            values,
        } = hoisted;
        if values.is_empty() {
            return then;
        }
        let values = parse_quote_spanned!(span=> (#(#values,)*));
        let arm = parse_quote_spanned!(span=> #(#attributes)* (#(#patterns,)*) => {});
        matched(values, arm, then, span)
    }

    /// Takes those parts out of a call that may change `self`.
    fn hoist(&self, base: &mut Expr, hoisted: &mut Hoisted) {
        let arguments = match base {
            Expr::Paren(paren) => return self.hoist(&mut paren.expr, hoisted),
            Expr::MethodCall(call) => {
                let first = first_call(&mut call.receiver);
                if let Some(first) = first.filter(|first| !self.lends(first)) {
                    // The method may take it by `&mut`.
                    hoisted.take(first, "__taken", true);
                }
                &mut call.args
            }
            Expr::Call(call) => &mut call.args,
            _ => return,
        };
        for (place, argument) in arguments.iter_mut().enumerate() {
            hoisted.take(argument, &format!("__argument_{place}"), false);
        }
    }

    /// Whether what a call on `self` gives is known to have `self` by `&mut`.
    fn lends(&self, call: &Expr) -> bool {
        match call {
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                let is_own = is_self(&call.receiver) && self.own.contains(&call.method);
                is_own || name.ends_with("_mut") || LENDING.contains(&name.as_str())
            }
            // `Pin::new(&mut self.stream)`, and not `take(&mut self.queue)`.
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => path.path.segments.iter().rev().nth(1).is_some_and(|of| {
                    of.ident
                        .to_string()
                        .starts_with(|first: char| first.is_uppercase())
                }),
                _ => false,
            },
            _ => false,
        }
    }
}

/// What is worked out before the checkpoint, in order.
#[derive(Default)]
struct Hoisted {
    attributes: Vec<Attribute>,
    patterns: Vec<Pat>,
    values: Vec<Expr>,
}

impl Hoisted {
    /// Takes a part, if it may change `self`, and leaves its name.
    fn take(&mut self, part: &mut Expr, name: &str, is_mut: bool) {
        if !may_change_self(part) {
            return;
        }
        let name = local(name);
        self.patterns.push(match is_mut {
            true => parse_quote!(mut #name),
            false => parse_quote!(#name),
        });
        if is_mut {
            self.attributes.push(parse_quote!(#[allow(unused_mut)]));
        }
        self.values
            .push(std::mem::replace(part, parse_quote!(#name)));
    }
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Methods of std's collections that lend what they are called on.
const LENDING: [&str; 3] = ["entry", "drain", "by_ref"];

/// `{ checkpoint(&*self); awaited }`
fn kept_and(awaited: ExprAwait, span: Span) -> Expr {
    let checkpoint: Stmt = parse_quote_spanned! {span=>
        ::hyperstar_process::__private::checkpoint(&*self);
    };
    Expr::Block(ExprBlock {
        attrs: Vec::new(),
        label: None,
        block: Block {
            brace_token: token::Brace(span),
            stmts: vec![checkpoint, Stmt::Expr(Expr::Await(awaited), None)],
        },
    })
}

/// `match value { arm }` with this body, as an expression that is printed in parentheses where it must be, and so
/// is the value.
fn matched(value: Expr, arm: Arm, body: Expr, span: Span) -> Expr {
    let arm = Arm {
        body: Box::new(body),
        ..arm
    };
    Expr::Match(ExprMatch {
        attrs: Vec::new(),
        match_token: Token![match](span),
        expr: Box::new(value),
        brace_token: token::Brace(span),
        arms: vec![arm],
    })
}

/// The call in a chain that is worked out first.
fn first_call(chain: &mut Expr) -> Option<&mut Expr> {
    match inner(chain) {
        Some(deeper) if has_call(deeper) => first_call(inner_mut(chain)?),
        _ => matches!(chain, Expr::MethodCall(_) | Expr::Call(_)).then_some(chain),
    }
}

fn has_call(chain: &Expr) -> bool {
    matches!(chain, Expr::MethodCall(_) | Expr::Call(_)) || inner(chain).is_some_and(has_call)
}

macro_rules! inner {
    ($chain:expr, $($borrow:tt)+) => {
        match $chain {
            Expr::MethodCall(call) => Some($($borrow)+ *call.receiver),
            Expr::Field(field) => Some($($borrow)+ *field.base),
            Expr::Index(index) => Some($($borrow)+ *index.expr),
            Expr::Paren(paren) => Some($($borrow)+ *paren.expr),
            Expr::Try(tried) => Some($($borrow)+ *tried.expr),
            Expr::Reference(reference) => Some($($borrow)+ *reference.expr),
            Expr::Unary(unary) => Some($($borrow)+ *unary.expr),
            _ => None,
        }
    };
}

/// What a part of a chain is a part of.
fn inner(chain: &Expr) -> Option<&Expr> {
    inner!(chain, &)
}

fn inner_mut(chain: &mut Expr) -> Option<&mut Expr> {
    inner!(chain, &mut)
}

/// Whether a future may borrow from `self` while it runs: it is a call on something of `self`, or is given
/// `self` or a `&mut` to something of it.
fn holds_self(base: &Expr) -> bool {
    let given = |argument: &Expr| match argument {
        Expr::Reference(reference) => {
            reference.mutability.is_some() && begins_with_self(&reference.expr)
        }
        other => is_self(other),
    };
    match base {
        Expr::MethodCall(call) => {
            begins_with_self(&call.receiver)
                || call.args.iter().any(given)
                || holds_self(&call.receiver)
        }
        Expr::Call(call) => call.args.iter().any(given),
        Expr::Paren(paren) => holds_self(&paren.expr),
        Expr::Reference(reference) => begins_with_self(&reference.expr),
        other => begins_with_self(other),
    }
}

fn is_self(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(path) if path.path.is_ident("self"))
}

fn begins_with_self(expr: &Expr) -> bool {
    match inner(expr) {
        Some(inner) => begins_with_self(inner),
        None => is_self(expr),
    }
}

/// Whether working out a part runs code that has `self`.
fn may_change_self(part: &Expr) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
            self.0 |= begins_with_self(&call.receiver);
            syn::visit::visit_expr_method_call(self, call);
        }
        fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
            self.0 |= begins_with_self(&assign.left);
            syn::visit::visit_expr_assign(self, assign);
        }
        fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
            self.0 |= call.args.iter().any(begins_with_self);
            syn::visit::visit_expr_call(self, call);
        }
        fn visit_expr_closure(&mut self, _: &'ast ExprClosure) {}
    }
    let mut finder = Finder(false);
    finder.visit_expr(part);
    finder.0
}
