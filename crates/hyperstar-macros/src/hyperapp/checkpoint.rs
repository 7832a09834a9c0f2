//! Keeps what an exclusive handler changed before each of its awaits.
//!
//! `E.await` in an `async fn` with `self` becomes `match E { f => { checkpoint(&*self); f.await } }`. Where
//! `E` borrows from `self` for as long as it runs, `checkpoint` comes first, after those of its arguments
//! that may change `self`. Closures and `async` blocks inside are left alone: they do not run here.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprAsync, ExprAwait, ExprClosure, ImplItem, Item, ItemImpl};

/// Rewrites the `async` methods of a block.
pub(super) fn add(block: &mut ItemImpl) {
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let by_ref = function
            .sig
            .receiver()
            .is_some_and(|receiver| receiver.reference.is_some());
        if function.sig.asyncness.is_some() && by_ref {
            Awaits.visit_block_mut(&mut function.block);
        }
    }
}

struct Awaits;

impl VisitMut for Awaits {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        syn::visit_mut::visit_expr_mut(self, expr);
        if let Expr::Await(awaited) = expr {
            *expr = rewritten(awaited);
        }
    }

    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut Item) {}
}

fn rewritten(awaited: &mut ExprAwait) -> Expr {
    let span = Span::call_site().located_at(awaited.await_token.span());
    let checkpoint = checkpoint(span);
    let dot = &awaited.dot_token;
    let word = &awaited.await_token;
    let future = Ident::new("__future", Span::mixed_site());
    if !holds_self(&awaited.base) {
        let base = &awaited.base;
        return Expr::Verbatim(quote_spanned! {span=>
            match #base {
                #future => {
                    #checkpoint
                    #future #dot #word
                }
            }
        });
    }
    let (names, values) = hoisted(&mut awaited.base);
    let base = &awaited.base;
    if names.is_empty() {
        return Expr::Verbatim(quote_spanned!(span=> { #checkpoint #base #dot #word }));
    }
    Expr::Verbatim(quote_spanned! {span=>
        match (#(#values,)*) {
            (#(#names,)*) => {
                #checkpoint
                #base #dot #word
            }
        }
    })
}

fn checkpoint(span: Span) -> TokenStream {
    quote_spanned!(span=> ::hyperstar_process::__private::checkpoint(&*self);)
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
    match expr {
        Expr::Field(field) => begins_with_self(&field.base),
        Expr::MethodCall(call) => begins_with_self(&call.receiver),
        Expr::Index(index) => begins_with_self(&index.expr),
        Expr::Paren(paren) => begins_with_self(&paren.expr),
        Expr::Try(tried) => begins_with_self(&tried.expr),
        Expr::Reference(reference) => begins_with_self(&reference.expr),
        Expr::Unary(unary) => begins_with_self(&unary.expr),
        other => is_self(other),
    }
}

/// Takes those arguments out of a call that may change `self`, to be worked out before the checkpoint.
fn hoisted(base: &mut Expr) -> (Vec<Ident>, Vec<Expr>) {
    let arguments = match base {
        Expr::MethodCall(call) => &mut call.args,
        Expr::Call(call) => &mut call.args,
        _ => return (Vec::new(), Vec::new()),
    };
    let mut names = Vec::new();
    let mut values = Vec::new();
    for argument in arguments {
        if may_change_self(argument) {
            let name = Ident::new(&format!("__argument_{}", names.len()), Span::mixed_site());
            values.push(std::mem::replace(argument, syn::parse_quote!(#name)));
            names.push(name);
        }
    }
    (names, values)
}

/// Whether working out an argument runs code that has `self`.
fn may_change_self(argument: &Expr) -> bool {
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
    finder.visit_expr(argument);
    finder.0
}
