//! Handlers of a workflow: signals, queries and updates.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Ident, ImplItemFn, Result, Type};

use crate::signature::{Named, Shape};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Signal,
    Query,
    Update,
}

/// A handler's code: the value that stands for it, and its registration.
pub(crate) struct Handler {
    /// Items beside the impl block.
    pub(crate) beside: TokenStream,
    /// The constant in the impl block.
    pub(crate) constant: TokenStream,
    /// A call of the handlers' builder.
    pub(crate) registration: TokenStream,
}

/// The name under which a method is kept.
pub(crate) fn kept(ident: &Ident) -> Ident {
    format_ident!("__weft_{ident}")
}

pub(crate) fn of(
    kind: Kind,
    owner: &Type,
    owner_name: &Ident,
    named: &Named,
    method: &mut ImplItemFn,
) -> Result<Handler> {
    let (vis, ident) = (method.vis.clone(), method.sig.ident.clone());
    let marker = format_ident!("__{owner_name}_{ident}");
    let kept = kept(&ident);
    let name = named.or(&ident);
    let shape = Shape::of(&method.sig, "Ctx")?;
    let (tuple, spread) = (shape.tuple(), shape.spread());
    let is_async = method.sig.asyncness.is_some();
    check_shape(kind, &shape, method, is_async)?;
    let output = shape.output.value();
    let rt = quote!(::weft::__rt);
    let (definition, outputs, builder) = match kind {
        Kind::Signal => {
            (quote!(SignalDefinition), quote!(), if is_async { quote!(signal_async) } else { quote!(signal) })
        }
        Kind::Query => (quote!(QueryDefinition), quote!(type Output = #output;), quote!(query)),
        Kind::Update => {
            let builder = if is_async { quote!(update_async) } else { quote!(update) };
            (quote!(UpdateDefinition), quote!(type Output = #output;), builder)
        }
    };
    let check = match (kind, &named.check) {
        (Kind::Update, Some(check)) => {
            let by_reference = spread.iter().map(|argument| quote!(&#argument));
            quote!(, |state: &#owner, args| state.#check(#(#by_reference),*).map_err(::core::convert::Into::into))
        }
        (Kind::Update, None) => quote!(, |_, _| ::core::result::Result::Ok(())),
        (Kind::Signal | Kind::Query, _) => quote!(),
    };
    let registration = if is_async {
        let called = quote!(<#owner>::#kept(ctx, #(#spread),*));
        let awaited = shape.output.as_result(&quote!(#called.await));
        quote!(.#builder::<#marker, _>(|ctx, args| async move { #awaited } #check))
    } else {
        let receiver = if kind == Kind::Query { quote!(&#owner) } else { quote!(&mut #owner) };
        let called = shape.output.as_result(&quote!(<#owner>::#kept(state, #(#spread),*)));
        quote!(.#builder::<#marker>(|state: #receiver, args| #called #check))
    };
    let docs = method.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let constant = quote! {
        #(#docs)*
        #[expect(non_upper_case_globals, reason = "it stands for the method of this name")]
        #vis const #ident: #marker = #marker;
    };
    let beside = quote! {
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug)]
        #[expect(non_camel_case_types, reason = "named for a type and its method")]
        #vis struct #marker;
        impl #rt::#definition for #marker {
            type Workflow = #owner;
            type Args = #tuple;
            #outputs
            const NAME: &'static str = #name;
        }
    };
    method.sig.ident = kept;
    method.vis = syn::Visibility::Inherited;
    Ok(Handler { beside, constant, registration })
}

fn check_shape(kind: Kind, shape: &Shape<'_>, method: &ImplItemFn, is_async: bool) -> Result<()> {
    if is_async {
        if kind == Kind::Query {
            return Err(Error::new_spanned(&method.sig, "a query answers at once: it cannot be async"));
        }
        if let Some(receiver) = shape.receiver {
            let message = "an async handler shares the state with others while it waits: take `ctx: Ctx<Self>` and use \
                           `ctx.with` and `ctx.with_mut`";
            return Err(Error::new_spanned(receiver, message));
        }
        if shape.context.is_none() {
            return Err(Error::new_spanned(&method.sig, "an async handler takes `ctx: Ctx<Self>` first"));
        }
        return Ok(());
    }
    let Some(receiver) = shape.receiver else {
        let wanted =
            if kind == Kind::Query { "`&self`" } else { "`&mut self`, or is async and takes `ctx: Ctx<Self>`" };
        return Err(Error::new_spanned(&method.sig, format!("this handler takes {wanted}")));
    };
    if kind == Kind::Query && receiver.mutability.is_some() {
        return Err(Error::new_spanned(receiver, "a query changes nothing: take `&self`"));
    }
    if let Some(context) = shape.context {
        return Err(Error::new_spanned(context, "a handler that is not async has the state itself, and no context"));
    }
    Ok(())
}
