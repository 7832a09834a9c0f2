//! `#[derive(State)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Fields, LitInt, LitStr, Token, Type};

use crate::errors::Errors;

pub(crate) fn run(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let settings = Settings::read(&input, &mut errors);
    let fields = fields(&input, &mut errors);
    let name = &input.ident;
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "a state is one type, which is kept; it cannot be generic",
        );
        return errors.into_tokens();
    }
    let (version, migrations) = (settings.version, &settings.migrations);
    let is_ok = errors.is_empty();
    let errors = errors.into_tokens();
    let fields = if is_ok { fields } else { Vec::new() };
    let kept = fields.iter().filter(|field| !field.skip);
    let loads = fields.iter().map(|field| {
        let ident = &field.ident;
        let key = &field.key;
        match field.skip {
            true => quote!(#ident: defaults.#ident),
            false => {
                let ty = &field.ty;
                let load = quote_spanned! {located(ty)=>
                    <#ty as ::hyperstar_process::__private::Stored>::load
                };
                quote!(#ident: #load(#key, fields, defaults.#ident)?)
            }
        }
    });
    let saves = kept.map(|field| {
        let ident = &field.ident;
        let key = &field.key;
        let ty = &field.ty;
        let save = quote_spanned! {located(ty)=>
            <#ty as ::hyperstar_process::__private::Stored>::save
        };
        quote!(#save(&self.#ident, #key, saver);)
    });
    let load = match is_ok {
        true => quote! {
            let defaults = <Self as ::hyperstar_process::__private::Default>::default();
            ::hyperstar_process::__private::Result::Ok(Self { #(#loads),* })
        },
        false => quote!(::core::unreachable!()),
    };
    let steps = migrations.iter().map(|(from, step)| {
        quote! {
            if from <= #from {
                let step: fn(
                    &mut ::hyperstar_process::__private::Fields,
                ) -> ::hyperstar_process::__private::Result<
                    (),
                    ::hyperstar_process::__private::StateError,
                > = #step;
                step(fields)?;
            }
        }
    });
    quote! {
        #errors
        #[automatically_derived]
        impl ::hyperstar_process::__private::State for #name {
            const VERSION: u32 = #version;
            fn load(
                fields: &mut ::hyperstar_process::__private::Fields,
            ) -> ::hyperstar_process::__private::Result<
                Self,
                ::hyperstar_process::__private::StateError,
            > {
                let _ = &fields;
                #load
            }
            fn save(&self, saver: &mut ::hyperstar_process::__private::Saver) {
                let _ = &saver;
                #(#saves)*
            }
            fn migrate(
                from: u32,
                fields: &mut ::hyperstar_process::__private::Fields,
            ) -> ::hyperstar_process::__private::Result<
                (),
                ::hyperstar_process::__private::StateError,
            > {
                let _ = (from, &fields);
                #(#steps)*
                ::hyperstar_process::__private::Result::Ok(())
            }
        }
    }
}

struct Settings {
    version: u32,
    /// In the order of their versions.
    migrations: Vec<(u32, Expr)>,
}

impl Settings {
    fn read(input: &DeriveInput, errors: &mut Errors) -> Self {
        let mut settings = Self {
            version: 1,
            migrations: Vec::new(),
        };
        let attributes = input
            .attrs
            .iter()
            .filter(|one| one.path().is_ident("state"));
        let mut place = None;
        for attribute in attributes {
            place = Some(attribute);
            let read = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("version") {
                    let number: LitInt = meta.value()?.parse()?;
                    settings.version = number.base10_parse()?;
                    if settings.version == 0 {
                        return Err(syn::Error::new(number.span(), "versions begin with 1"));
                    }
                    Ok(())
                } else if meta.path.is_ident("migrate") {
                    let inside;
                    syn::parenthesized!(inside in meta.input);
                    while !inside.is_empty() {
                        let from: LitInt = inside.parse().map_err(|error: syn::Error| {
                            syn::Error::new(
                                error.span(),
                                "a migration has the version that it reads: `migrate(1 = from_v1)`",
                            )
                        })?;
                        inside.parse::<Token![=]>()?;
                        let step: Expr = inside.parse()?;
                        let number: u32 = from.base10_parse()?;
                        if settings
                            .migrations
                            .iter()
                            .any(|(other, _)| *other == number)
                        {
                            return Err(syn::Error::new(
                                from.span(),
                                format!("there are two migrations from version {number}; keep one"),
                            ));
                        }
                        settings.migrations.push((number, step));
                        if !inside.is_empty() {
                            inside.parse::<Token![,]>()?;
                        }
                    }
                    Ok(())
                } else {
                    Err(meta.error(
                        "unknown setting; there are `version = 2` and `migrate(1 = from_v1)`",
                    ))
                }
            });
            if let Err(error) = read {
                errors.add(error);
                return settings;
            }
        }
        settings.migrations.sort_by_key(|(from, _)| *from);
        if let Some(attribute) = place {
            settings.check(attribute, errors);
        }
        settings
    }

    fn check(&self, attribute: &syn::Attribute, errors: &mut Errors) {
        for (from, step) in &self.migrations {
            if *from == 0 || *from >= self.version {
                errors.at(
                    step,
                    format!(
                        "a migration from version {from} leads to {}, and this is version {}; raise `version`",
                        from + 1,
                        self.version
                    ),
                );
            }
        }
        let missing =
            (1..self.version).find(|from| !self.migrations.iter().any(|(other, _)| other == from));
        if let Some(from) = missing {
            errors.at(
                attribute,
                format!(
                    "version {} needs a migration from version {from}; write `migrate({from} = from_v{from})`, \
                     or `{from} = |_| Ok(())` if its fields can be read as they are",
                    self.version
                ),
            );
        }
    }
}

struct Field {
    ident: syn::Ident,
    key: String,
    skip: bool,
    ty: Type,
}

fn fields(input: &DeriveInput, errors: &mut Errors) -> Vec<Field> {
    let Data::Struct(data) = &input.data else {
        errors.at(
            &input.ident,
            "a state is a struct with named fields; put the enum into a field of one",
        );
        return Vec::new();
    };
    let named = match &data.fields {
        Fields::Named(named) => &named.named,
        Fields::Unit => return Vec::new(),
        Fields::Unnamed(fields) => {
            errors.at(fields, "fields are kept by their names; give them some");
            return Vec::new();
        }
    };
    let mut fields: Vec<Field> = Vec::new();
    for field in named {
        let Some(ident) = field.ident.clone() else {
            continue;
        };
        let mut one = Field {
            key: syn::ext::IdentExt::unraw(&ident).to_string(),
            ident,
            skip: false,
            ty: field.ty.clone(),
        };
        for attribute in field
            .attrs
            .iter()
            .filter(|one| one.path().is_ident("state"))
        {
            let read = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    one.skip = true;
                    Ok(())
                } else if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    one.key = name.value();
                    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
                    match !one.key.is_empty() && one.key.chars().all(fits) {
                        true => Ok(()),
                        false => Err(syn::Error::new(
                            name.span(),
                            "a field is kept below a path of its name; use letters, digits, `_` and `-`",
                        )),
                    }
                } else {
                    Err(meta.error("unknown setting; a field has `skip` and `rename = \"..\"`"))
                }
            });
            if let Err(error) = read {
                errors.add(error);
            }
        }
        if !one.skip
            && fields
                .iter()
                .any(|other| !other.skip && other.key == one.key)
        {
            errors.at(
                &one.ident,
                format!("there is a field that is kept as `{}` already", one.key),
            );
        }
        fields.push(one);
    }
    fields
}

/// Where a type stands, for errors about it, in code that is ours, for lints.
fn located(ty: &Type) -> Span {
    Span::call_site().located_at(ty.span())
}
