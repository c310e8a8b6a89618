//! What of a function's signature matters: whether it has a context or a receiver, its arguments, and what it returns.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ItemFn, LitStr, Meta, PatType, Path, PathArguments, Receiver,
    Result, ReturnType, Signature, Token, Type,
    parse::{Parse, ParseStream},
};

use crate::handler::kept;

/// `name = "…"`, or nothing.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) name: Option<LitStr>,
    pub(crate) check: Option<Ident>,
    /// Adds handlers that several workflows share.
    pub(crate) with: Option<Path>,
}

impl Parse for Named {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut named = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "name" => named.name = Some(input.parse()?),
                "check" => named.check = Some(input.parse()?),
                "with" => named.with = Some(input.parse()?),
                other => {
                    let message = format!(
                        "there is no `{other}` here: `name = \"…\"`, `check = method` for updates, and \
                         `with = function` for a workflow with handlers"
                    );
                    return Err(Error::new(key.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(named)
    }
}

impl Named {
    /// What stands in an attribute such as `#[signal]` or `#[signal(name = "…")]`.
    pub(crate) fn of(attribute: &Attribute) -> Result<Self> {
        match &attribute.meta {
            Meta::Path(_) => Ok(Self::default()),
            Meta::List(list) => list.parse_args(),
            Meta::NameValue(it) => Err(Error::new_spanned(it, "expected `(name = \"…\")`")),
        }
    }

    pub(crate) fn or(&self, ident: &Ident) -> LitStr {
        self.name.clone().unwrap_or_else(|| LitStr::new(&ident.to_string(), ident.span()))
    }

    /// Refuses a check where there is nothing to check.
    pub(crate) fn without_check(self) -> Result<Self> {
        match &self.check {
            Some(check) => Err(Error::new(check.span(), "only updates have a check")),
            None => Ok(self),
        }
    }

    /// Refuses shared handlers where there is nothing that could have them.
    pub(crate) fn without_with(self) -> Result<Self> {
        match &self.with {
            Some(with) => {
                let message = "only a workflow that is an impl block has handlers that it could share with others";
                Err(Error::new_spanned(with, message))
            }
            None => Ok(self),
        }
    }

    /// Refuses all but a name.
    pub(crate) fn alone(self) -> Result<Self> {
        self.without_check()?.without_with()
    }
}

/// The parameters before the arguments.
pub(crate) struct Shape<'a> {
    pub(crate) receiver: Option<&'a Receiver>,
    pub(crate) context: Option<&'a PatType>,
    pub(crate) arguments: Vec<&'a Type>,
    pub(crate) output: Output<'a>,
}

/// What is returned: the value's type, and whether it comes as a result.
pub(crate) struct Output<'a> {
    pub(crate) value: Option<&'a Type>,
    pub(crate) is_result: bool,
}

impl<'a> Shape<'a> {
    /// Reads a signature; the context is a first parameter whose type is called `context`.
    pub(crate) fn of(signature: &'a Signature, context: &str) -> Result<Self> {
        if let Some(parameter) = signature.generics.params.first() {
            return Err(Error::new_spanned(
                parameter,
                "it is called by its name over the wire, so it cannot be generic",
            ));
        }
        let mut shape =
            Self { receiver: None, context: None, arguments: Vec::new(), output: Output::of(&signature.output) };
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(receiver) => shape.receiver = Some(receiver),
                FnArg::Typed(typed) => {
                    let first = shape.context.is_none() && shape.arguments.is_empty();
                    if first && last_name(&typed.ty).is_some_and(|name| name == context) {
                        shape.context = Some(typed);
                    } else if let Type::Reference(reference) = &*typed.ty {
                        let message = "arguments travel, so they are owned: take the value rather than a reference";
                        return Err(Error::new_spanned(reference, message));
                    } else {
                        shape.arguments.push(&typed.ty);
                    }
                }
            }
        }
        if shape.arguments.len() > 6 {
            let message = "at most six arguments: put more into a struct, which can also grow later";
            return Err(Error::new_spanned(&signature.inputs, message));
        }
        Ok(shape)
    }

    /// The tuple of the arguments' types.
    pub(crate) fn tuple(&self) -> TokenStream {
        let arguments = &self.arguments;
        quote!((#(#arguments,)*))
    }

    /// The arguments out of a tuple called `args`.
    pub(crate) fn spread(&self) -> Vec<TokenStream> {
        let index = |index: usize| {
            let index = syn::Index::from(index);
            quote!(args.#index)
        };
        (0..self.arguments.len()).map(index).collect()
    }
}

impl<'a> Output<'a> {
    pub(crate) fn of(output: &'a ReturnType) -> Self {
        let ReturnType::Type(_, value) = output else { return Self { value: None, is_result: false } };
        let Type::Path(path) = &**value else { return Self { value: Some(value), is_result: false } };
        let Some(last) = path.path.segments.last().filter(|last| last.ident == "Result") else {
            return Self { value: Some(value), is_result: false };
        };
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return Self { value: Some(value), is_result: false };
        };
        let first = arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(value) => Some(value),
            _ => None,
        });
        Self { value: first, is_result: true }
    }

    /// The type of the value.
    pub(crate) fn value(&self) -> TokenStream {
        match self.value {
            Some(value) => quote!(#value),
            None => quote!(()),
        }
    }

    /// An expression of this type as a result.
    pub(crate) fn as_result(&self, expression: &TokenStream) -> TokenStream {
        if self.is_result {
            quote!(::core::result::Result::map_err(#expression, ::core::convert::Into::into))
        } else {
            quote!(::core::result::Result::Ok(#expression))
        }
    }
}

fn last_name(kind: &Type) -> Option<&Ident> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        Type::Reference(reference) => last_name(&reference.elem),
        _ => None,
    }
}

/// Takes the attribute of one of these names off a method, with which it was.
pub(crate) fn take_marker(attributes: &mut Vec<Attribute>, names: &[&str]) -> Result<Option<(String, Attribute)>> {
    let is_marker = |attribute: &Attribute| names.iter().any(|name| attribute.path().is_ident(name));
    let Some(at) = attributes.iter().position(is_marker) else { return Ok(None) };
    let marker = attributes.remove(at);
    if let Some(second) = attributes.iter().find(|attribute| is_marker(attribute)) {
        return Err(Error::new_spanned(second, "a method is one of these only"));
    }
    let name = marker.path().get_ident().map(ToString::to_string).unwrap_or_default();
    Ok(Some((name, marker)))
}

/// What a marked function becomes: a function of its name that gives what stands for it, a type of that name, and the
/// function itself under another name.
///
/// The name stays that of a function: a unit struct of the name would forbid `let charge = ctx.activity(charge, …)`, as
/// it is a pattern. The type has braces for the same reason.
///
/// # Errors
/// For `#[cfg]` below the marker: it would be about the name alone.
pub(crate) fn declared(function: &ItemFn, unused: &str) -> Result<(TokenStream, ItemFn)> {
    if let Some(cfg) = function.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
        return Err(Error::new_spanned(cfg, "write `#[cfg]` above the marker: it is about all that the marker writes"));
    }
    let (vis, ident) = (&function.vis, &function.sig.ident);
    // What a caller is told stands at the name; all else (lints, spans) is about the code.
    let is_told = |attribute: &&Attribute| ["doc", "deprecated"].iter().any(|name| attribute.path().is_ident(name));
    let told: Vec<&Attribute> = function.attrs.iter().filter(is_told).collect();
    let declared = quote! {
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug)]
        #[expect(non_camel_case_types, reason = "it stands for the function of this name")]
        #vis struct #ident {}
        #(#told)*
        #[must_use = #unused]
        #vis const fn #ident() -> #ident {
            #ident {}
        }
    };
    let mut inner = function.clone();
    inner.attrs.retain(|attribute| !is_told(&attribute));
    inner.vis = syn::Visibility::Inherited;
    inner.sig.ident = kept(ident);
    Ok((declared, inner))
}
