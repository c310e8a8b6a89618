//! Activities: functions, and methods that share a state.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, ImplItem, ItemFn, ItemImpl, Result};

use crate::{
    handler::kept,
    signature::{Named, Shape, declared, take_marker},
    workflow::type_name,
};

/// An activity that is a function.
pub(crate) fn function(named: Named, function: ItemFn) -> Result<TokenStream> {
    let named = named.alone()?;
    let shape = Shape::of(&function.sig, "ActivityCtx")?;
    if let Some(receiver) = shape.receiver {
        return Err(Error::new_spanned(receiver, "mark the impl block with `#[activities]` and this method in it"));
    }
    let ident = &function.sig.ident;
    let name = named.or(ident);
    let (tuple, output) = (shape.tuple(), shape.output.value());
    let (declared, inner) = declared(&function, "it names the activity: give it to `ctx.activity`")?;
    let called = &inner.sig.ident;
    let execute = execute(&shape, &quote!(#called), function.sig.asyncness.is_some(), false);
    let rt = quote!(::weft::__rt);
    Ok(quote! {
        #declared
        impl #rt::NamesActivity for #ident {
            type Activity = Self;
        }
        impl #rt::ActivityDefinition for #ident {
            type Args = #tuple;
            type Output = #output;
            const NAME: &'static str = #name;
        }
        const _: () = {
            #inner
            impl #rt::Activity for #ident {
                type State = ();
                #execute
            }
        };
    })
}

/// The method that runs it: on the runtime, or, where it may block, on a thread for that.
fn execute(shape: &Shape<'_>, called: &TokenStream, is_async: bool, has_state: bool) -> TokenStream {
    let rt = quote!(::weft::__rt);
    let state = has_state.then(|| quote!(&*state,));
    let context = shape.context.map(|_| quote!(ctx,));
    let spread = shape.spread();
    let call = quote!(#called(#state #context #(#spread),*));
    let running = if is_async {
        let result = shape.output.as_result(&quote!(#call.await));
        quote!(async move { #result })
    } else {
        let result = shape.output.as_result(&call);
        quote!(#rt::blocking(move || #result))
    };
    quote! {
        fn execute(
            state: ::std::sync::Arc<Self::State>,
            ctx: #rt::ActivityCtx,
            args: Self::Args,
        ) -> #rt::BoxFuture<#rt::Result<Self::Output>> {
            // Not every activity uses its context or has a state or arguments.
            let _ = (&state, &ctx, &args);
            ::std::boxed::Box::pin(#running)
        }
    }
}

/// Activities that share a state.
pub(crate) fn block(mut block: ItemImpl) -> Result<TokenStream> {
    let owner = (*block.self_ty).clone();
    let owner_name = type_name(&owner)?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, "`#[activities]` marks an impl of the type itself, not of a trait"));
    }
    if let Some(parameter) = block.generics.params.first() {
        return Err(Error::new_spanned(parameter, "activities are called by their names, so they cannot be generic"));
    }
    let rt = quote!(::weft::__rt);
    let (mut constants, mut beside, mut registrations) = (Vec::new(), Vec::new(), Vec::new());
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let Some((_, attribute)) = take_marker(&mut method.attrs, &["activity"])? else { continue };
        let named = Named::of(&attribute)?.alone()?;
        let shape = Shape::of(&method.sig, "ActivityCtx")?;
        match shape.receiver {
            Some(receiver) if receiver.mutability.is_none() && receiver.reference.is_some() => {}
            _ => {
                let message =
                    "an activity here takes `&self`: many run at once; without a state it is a function of its own";
                return Err(Error::new_spanned(&method.sig, message));
            }
        }
        let (vis, ident) = (method.vis.clone(), method.sig.ident.clone());
        let (marker, name) = (format_ident!("__{owner_name}_{ident}"), named.or(&ident));
        let (tuple, output, inner) = (shape.tuple(), shape.output.value(), kept(&ident));
        let execute = execute(&shape, &quote!(<#owner>::#inner), method.sig.asyncness.is_some(), true);
        let docs = method.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        constants.push(quote! {
            #(#docs)*
            #[expect(non_upper_case_globals, reason = "it stands for the method of this name")]
            #vis const #ident: #marker = #marker;
        });
        beside.push(quote! {
            #[doc(hidden)]
            #[derive(Clone, Copy, Debug)]
            #[expect(non_camel_case_types, reason = "named for a type and its method")]
            #vis struct #marker;
            impl #rt::NamesActivity for #marker {
                type Activity = Self;
            }
            impl #rt::ActivityDefinition for #marker {
                type Args = #tuple;
                type Output = #output;
                const NAME: &'static str = #name;
            }
            impl #rt::Activity for #marker {
                type State = #owner;
                #execute
            }
        });
        registrations.push(quote!(let worker = #rt::register::<#marker>(worker, &self);));
        method.sig.ident = inner;
        method.vis = syn::Visibility::Inherited;
    }
    if registrations.is_empty() {
        return Err(Error::new_spanned(&owner, "no method here is marked `#[activity]`"));
    }
    block.items.extend(constants.into_iter().map(ImplItem::Verbatim));
    Ok(quote! {
        #block
        #(#beside)*
        impl #rt::ActivitySet for #owner {
            fn register(self: ::std::sync::Arc<Self>, worker: #rt::Worker) -> #rt::Worker {
                #(#registrations)*
                worker
            }
        }
    })
}
