//! `#[derive(Wire)]`.

mod serde;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, Type};

use self::serde::{Container, Item};
use crate::errors::Errors;

pub(crate) fn run(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let container = Container::read(&input.attrs, &mut errors);
    let body = body(&input, &container, &mut errors);
    let name = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter
            .bounds
            .push(syn::parse_quote!(::hyperstar_process::__private::Wire));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let is_key = is_key(&input, &container);
    let key = is_key.then(|| {
        quote! {
            #[automatically_derived]
            impl ::hyperstar_process::__private::WireKey for #name {}
        }
    });
    let body = match errors.is_empty() {
        true => body,
        false => quote!(::hyperstar_process::__private::Type::Json),
    };
    let errors = errors.into_tokens();
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics ::hyperstar_process::__private::Wire for #name #type_generics #where_clause {
            fn wire(
                types: &mut ::hyperstar_process::__private::Types,
            ) -> ::hyperstar_process::__private::Type {
                use ::hyperstar_process::__private as __hs;
                let _ = &types;
                #body
            }
        }
        #key
    }
}

/// An enum without data is text in JSON, so it can be a key.
fn is_key(input: &DeriveInput, container: &Container) -> bool {
    match &input.data {
        Data::Enum(data) => {
            !container.is_json
                && !data.variants.is_empty()
                && data
                    .variants
                    .iter()
                    .all(|variant| matches!(variant.fields, Fields::Unit))
        }
        _ => false,
    }
}

fn body(input: &DeriveInput, container: &Container, errors: &mut Errors) -> TokenStream {
    if container.is_json {
        return quote!(__hs::Type::Json);
    }
    if let Some(other) = &container.through {
        return through(&wire(other));
    }
    let name = syn::ext::IdentExt::unraw(&input.ident).to_string();
    match &input.data {
        Data::Struct(data) => structure(&name, &data.fields, container, errors),
        Data::Enum(data) => enumeration(&name, data, container, errors),
        Data::Union(data) => {
            errors.at(&data.union_token, "JSON has no unions; use an enum");
            TokenStream::new()
        }
    }
}

fn structure(
    name: &str,
    fields: &Fields,
    container: &Container,
    errors: &mut Errors,
) -> TokenStream {
    match fields {
        Fields::Unit => quote!(__hs::Type::Unit),
        Fields::Unnamed(fields) => through(&unnamed(fields, errors)),
        Fields::Named(named) => {
            let all = members(named, container.rename_all, errors);
            let Some(all) = all else {
                return quote!(__hs::Type::Json);
            };
            if container.transparent {
                let first = named.named.first().map(|field| wire(&field.ty));
                return first.map_or_else(|| quote!(__hs::Type::Unit), |ty| through(&ty));
            }
            quote!(types.named::<Self>(#name, |types| __hs::Shape::Record(::std::vec![#(#all),*])))
        }
    }
}

/// A type without a name of its own.
fn through(ty: &TokenStream) -> TokenStream {
    quote!(types.through::<Self>(|types| #ty))
}

/// Fields without names: one stands for itself, several are a tuple.
fn unnamed(fields: &syn::FieldsUnnamed, errors: &mut Errors) -> TokenStream {
    let mut types = Vec::new();
    for field in &fields.unnamed {
        let item = Item::read(&field.attrs, errors);
        if item.skip {
            continue;
        }
        types.push(match item.is_json || item.flatten {
            true => quote!(__hs::Type::Json),
            false => wire(&field.ty),
        });
    }
    match (fields.unnamed.len(), types.as_slice()) {
        (1, [only]) => only.clone(),
        (_, types) => quote!(__hs::Type::Tuple(::std::vec![#(#types),*])),
    }
}

/// Fields with names; nothing if WIT cannot say how serde writes them.
fn members(
    fields: &syn::FieldsNamed,
    rename_all: Option<serde::Case>,
    errors: &mut Errors,
) -> Option<Vec<TokenStream>> {
    let mut all = Vec::new();
    let mut is_json = false;
    for field in &fields.named {
        let Some(ident) = &field.ident else {
            continue;
        };
        let item = Item::read(&field.attrs, errors);
        if item.skip {
            continue;
        }
        // A field that may be left out is none of a record's, unless none is what it says then.
        is_json |= item.flatten || item.is_lopsided || (item.may_lack && !is_option(&field.ty));
        let own = syn::ext::IdentExt::unraw(ident).to_string();
        let name = item
            .rename
            .unwrap_or_else(|| rename_all.map_or(own.clone(), |case| case.of_field(&own)));
        let ty = match item.is_json {
            true => quote!(__hs::Type::Json),
            false => wire(&field.ty),
        };
        all.push(quote!(__hs::Field::new(#name, #ty)));
    }
    (!is_json).then_some(all)
}

fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|segment| segment.ident == "Option")
        }
        _ => false,
    }
}

fn enumeration(
    name: &str,
    data: &DataEnum,
    container: &Container,
    errors: &mut Errors,
) -> TokenStream {
    let mut variants = Vec::new();
    for variant in &data.variants {
        let item = Item::read(&variant.attrs, errors);
        if item.skip {
            continue;
        }
        if item.is_untagged || item.is_lopsided {
            return quote!(__hs::Type::Json);
        }
        let own = syn::ext::IdentExt::unraw(&variant.ident).to_string();
        let case = container.rename_all;
        let json = item
            .rename
            .unwrap_or_else(|| case.map_or(own.clone(), |case| case.of_variant(&own)));
        let payload = match &variant.fields {
            _ if item.is_json => quote!(__hs::Type::Json),
            Fields::Unit => quote!(__hs::Type::Unit),
            Fields::Unnamed(fields) => unnamed(fields, errors),
            Fields::Named(named) => {
                let case = item.rename_all.or(container.rename_all_fields);
                match members(named, case, errors) {
                    None => quote!(__hs::Type::Json),
                    Some(all) => {
                        let part = format_ident!("{name}{own}").to_string();
                        quote! {{
                            let shape = __hs::Shape::Record(::std::vec![#(#all),*]);
                            types.part(#part, shape)
                        }}
                    }
                }
            }
        };
        variants.push(quote!(__hs::Field::new(#json, #payload)));
    }
    if variants.is_empty() {
        errors.push(
            proc_macro2::Span::call_site(),
            "an enum without variants has no values, so none can cross; take the derive away",
        );
    }
    quote!(types.named::<Self>(#name, |types| __hs::Shape::Variant(::std::vec![#(#variants),*])))
}

fn wire(ty: &Type) -> TokenStream {
    let span = proc_macro2::Span::call_site().located_at(ty.span());
    quote_spanned!(span=> <#ty as __hs::Wire>::wire(types))
}
