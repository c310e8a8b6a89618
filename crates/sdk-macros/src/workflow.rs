//! Workflows: functions, and impl blocks with a run method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Ident, ImplItem, ImplItemFn, ItemFn, ItemImpl, Result, Type};

use crate::{
    handler::{self, Handler, Kind},
    signature::{Named, Output, Shape, declared, take_marker},
};

const MARKERS: &[&str] = &["run", "init", "signal", "query", "update"];

/// A workflow that is a function.
pub(crate) fn function(named: Named, function: ItemFn) -> Result<TokenStream> {
    let named = named.alone()?;
    let shape = Shape::of(&function.sig, "Ctx")?;
    if function.sig.asyncness.is_none() {
        return Err(Error::new_spanned(function.sig.fn_token, "a workflow is an `async fn`"));
    }
    let ident = &function.sig.ident;
    let name = named.or(ident);
    let (tuple, output) = (shape.tuple(), shape.output.value());
    let (declared, inner) = declared(&function, "it names the workflow: give it to `client.start_workflow`")?;
    let kept = &inner.sig.ident;
    let run = run(&shape, &quote!(#kept));
    let rt = quote!(::weft::__rt);
    Ok(quote! {
        #declared
        impl #rt::WorkflowDefinition for #ident {
            type Args = #tuple;
            type Output = #output;
            const NAME: &'static str = #name;
        }
        impl #rt::NamesWorkflow for #ident {
            type Workflow = Self;
        }
        const _: () = {
            #inner
            impl #rt::Workflow for #ident {
                type State = ();
                fn init(_: &Self::Args) -> #rt::Result<()> {
                    ::core::result::Result::Ok(())
                }
                #run
            }
        };
    })
}

/// The method that runs it.
fn run(shape: &Shape<'_>, called: &TokenStream) -> TokenStream {
    let rt = quote!(::weft::__rt);
    let context = shape.context.map(|_| quote!(ctx,));
    let spread = shape.spread();
    let result = shape.output.as_result(&quote!(#called(#context #(#spread),*).await));
    quote! {
        fn run(ctx: #rt::Ctx<Self::State>, args: Self::Args) -> #rt::LocalFuture<#rt::Result<Self::Output>> {
            // Not every workflow uses its context or has arguments.
            let _ = (&ctx, &args);
            ::std::boxed::Box::pin(async move { #result })
        }
    }
}

/// A workflow that is a type.
pub(crate) fn block(named: Named, mut block: ItemImpl) -> Result<TokenStream> {
    let named = named.without_check()?;
    let owner = (*block.self_ty).clone();
    let owner_name = type_name(&owner)?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, "`#[workflow]` marks an impl of the type itself, not of a trait"));
    }
    if let Some(parameter) = block.generics.params.first() {
        return Err(Error::new_spanned(parameter, "a workflow is started by its name, so it cannot be generic"));
    }
    let mut parts = Parts::default();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let Some((marker, attribute)) = take_marker(&mut method.attrs, MARKERS)? else { continue };
        let named = Named::of(&attribute)?;
        match marker.as_str() {
            "run" => parts.run(&owner, &named.alone()?, method)?,
            "init" => parts.init(&owner, &named.alone()?, method)?,
            "signal" => parts.handler(handler::of(Kind::Signal, &owner, &owner_name, &named.alone()?, method)?),
            "query" => parts.handler(handler::of(Kind::Query, &owner, &owner_name, &named.alone()?, method)?),
            _ => parts.handler(handler::of(Kind::Update, &owner, &owner_name, &named.without_with()?, method)?),
        }
    }
    let Some(main) = parts.main else {
        return Err(Error::new_spanned(&owner, "a workflow has one method marked `#[run]`"));
    };
    let init = parts.init.unwrap_or_else(|| quote!(::core::default::Default::default()));
    let name = named.or(&owner_name);
    let Main { tuple, output, run, constant } = main;
    block.items.push(ImplItem::Verbatim(constant));
    block.items.extend(parts.constants.into_iter().map(ImplItem::Verbatim));
    let (beside, registrations) = (parts.beside, parts.registrations);
    let rt = quote!(::weft::__rt);
    // Its own come after those that it shares, and so take the place of one with the same name.
    let shared = named.with.iter();
    let handlers = quote!(#(#shared)* (#rt::Handlers::default()));
    Ok(quote! {
        #block
        #(#beside)*
        impl #rt::WorkflowDefinition for #owner {
            type Args = #tuple;
            type Output = #output;
            const NAME: &'static str = #name;
        }
        impl #rt::Workflow for #owner {
            type State = Self;
            fn init(args: &Self::Args) -> #rt::Result<Self> {
                let _ = args;
                ::core::result::Result::Ok(#init)
            }
            #run
            fn handlers() -> #rt::Handlers<Self> {
                #handlers #(#registrations)*
            }
        }
    })
}

#[derive(Default)]
struct Parts {
    main: Option<Main>,
    init: Option<TokenStream>,
    beside: Vec<TokenStream>,
    constants: Vec<TokenStream>,
    registrations: Vec<TokenStream>,
}

struct Main {
    tuple: TokenStream,
    output: TokenStream,
    run: TokenStream,
    constant: TokenStream,
}

impl Parts {
    fn handler(&mut self, handler: Handler) {
        self.beside.push(handler.beside);
        self.constants.push(handler.constant);
        self.registrations.push(handler.registration);
    }

    fn init(&mut self, owner: &Type, named: &Named, method: &ImplItemFn) -> Result<()> {
        if let Some(name) = &named.name {
            return Err(Error::new_spanned(name, "nobody calls `#[init]` by a name"));
        }
        if self.init.is_some() {
            return Err(Error::new_spanned(&method.sig.ident, "a workflow has at most one method marked `#[init]`"));
        }
        self.init = Some(init(owner, method)?);
        Ok(())
    }

    fn run(&mut self, owner: &Type, named: &Named, method: &mut ImplItemFn) -> Result<()> {
        if let Some(name) = &named.name {
            return Err(Error::new_spanned(name, "the workflow's name stands in `#[workflow(name = \"…\")]`"));
        }
        if self.main.is_some() {
            return Err(Error::new_spanned(&method.sig.ident, "a workflow has one method marked `#[run]`"));
        }
        let shape = Shape::of(&method.sig, "Ctx")?;
        if method.sig.asyncness.is_none() {
            return Err(Error::new_spanned(method.sig.fn_token, "the run method is an `async fn`"));
        }
        if let Some(receiver) = shape.receiver {
            let message = "handlers change the state while the workflow waits, so the run method does not hold it: take \
                           `ctx: Ctx<Self>` and use `ctx.with` and `ctx.with_mut`";
            return Err(Error::new_spanned(receiver, message));
        }
        let ident = method.sig.ident.clone();
        let kept = handler::kept(&ident);
        let (vis, rt) = (method.vis.clone(), quote!(::weft::__rt));
        let docs = method.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        let main = Main {
            tuple: shape.tuple(),
            output: shape.output.value(),
            run: run(&shape, &quote!(<#owner>::#kept)),
            constant: quote! {
                #(#docs)*
                #[expect(non_upper_case_globals, reason = "it stands for the method of this name")]
                #vis const #ident: #rt::WorkflowRef<Self> = #rt::WorkflowRef::new();
            },
        };
        method.sig.ident = kept;
        method.vis = syn::Visibility::Inherited;
        self.main = Some(main);
        Ok(())
    }
}

/// The call that makes the state: with the arguments of the run method, by reference.
fn init(owner: &Type, method: &ImplItemFn) -> Result<TokenStream> {
    if let Some(syn::FnArg::Receiver(receiver)) = method.sig.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            "`#[init]` makes the state: it takes the run method's arguments only",
        ));
    }
    let ident = &method.sig.ident;
    let arguments = (0..method.sig.inputs.len()).map(|index| {
        let index = syn::Index::from(index);
        quote!(&args.#index)
    });
    let question = Output::of(&method.sig.output).is_result.then(|| quote!(?));
    Ok(quote!(<#owner>::#ident(#(#arguments),*)#question))
}

pub(crate) fn type_name(owner: &Type) -> Result<Ident> {
    match owner {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.clone()),
        _ => None,
    }
    .ok_or_else(|| Error::new_spanned(owner, "expected the name of a type"))
}
