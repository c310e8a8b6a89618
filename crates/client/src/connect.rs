//! One connection and what every call over it has in common: headers, time limits, retries.
//!
//! Connecting is tried at once, so that a wrong address is found before the first call; a connection that is lost later
//! is made again by the transport under the next call.

use std::{sync::Arc, time::Duration};

use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    metadata::{Ascii, AsciiMetadataKey, AsciiMetadataValue, MetadataMap, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use weft_env::{Ids, RealIds};
use weft_protocol::{
    prost::{Message, Name},
    services::{operator_service_client::OperatorServiceClient, workflow_service_client::WorkflowServiceClient},
    weft::history_service_client::HistoryServiceClient,
};

use crate::{
    ClientInterceptor, ConnectOptions, Error, Tls, config,
    interceptor::ClientInterceptors,
    retry::{self, Repeat},
};

/// Answers are taken up to this size: a page of history may be large.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// The transport under the stubs.
pub type Service = InterceptedService<Channel, Headers>;
/// The generated stub of `temporal.api.workflowservice.v1.WorkflowService`.
pub type WorkflowService = WorkflowServiceClient<Service>;
/// The generated stub of `temporal.api.operatorservice.v1.OperatorService`.
pub type OperatorService = OperatorServiceClient<Service>;
/// The generated stub of `weft.api.v1.HistoryService`, which only Weft serves.
pub type HistoryService = HistoryServiceClient<Service>;

/// A connection to a server. Clones share it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    options: ConnectOptions,
    workflow_service: WorkflowService,
    operator_service: OperatorService,
    history_service: HistoryService,
    ids: Arc<dyn Ids>,
    interceptors: ClientInterceptors,
}

/// Puts the same headers on every call.
#[derive(Clone, Debug)]
pub struct Headers(Arc<Vec<(AsciiMetadataKey, AsciiMetadataValue)>>);

impl Client {
    /// Connects, and fails if nobody answers.
    ///
    /// # Errors
    /// When the address is none, or nobody answers there within [`ConnectOptions::connect_timeout`].
    pub async fn connect(options: ConnectOptions) -> Result<Self, Error> {
        let unreachable = |error: tonic::transport::Error| Error::of_transport(&options.address, &error);
        let endpoint = endpoint(&options)?
            .connect_timeout(options.connect_timeout)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(15));
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Self::over(channel, options)
    }

    /// Goes over a channel that somebody else made, such as the one to a server in this process. Nothing is tried yet.
    ///
    /// # Errors
    /// When a header of the options is none.
    pub fn over(channel: Channel, mut options: ConnectOptions) -> Result<Self, Error> {
        if options.identity.is_empty() {
            options.identity = format!("{}@{}", std::process::id(), host());
        }
        let headers = Headers::of(&options)?;
        let mut workflow_service = WorkflowServiceClient::with_interceptor(channel.clone(), headers.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX);
        let mut operator_service = OperatorServiceClient::with_interceptor(channel.clone(), headers.clone());
        let mut history_service =
            HistoryServiceClient::with_interceptor(channel, headers).max_decoding_message_size(ANSWER_BYTES_MAX);
        if options.gzip {
            let gzip = CompressionEncoding::Gzip;
            workflow_service = workflow_service.send_compressed(gzip).accept_compressed(gzip);
            operator_service = operator_service.send_compressed(gzip).accept_compressed(gzip);
            history_service = history_service.send_compressed(gzip).accept_compressed(gzip);
        }
        let (ids, interceptors) = (Arc::new(RealIds), ClientInterceptors::default());
        Ok(Self(Arc::new(Inner { options, workflow_service, operator_service, history_service, ids, interceptors })))
    }

    /// The same connection, whose calls an interceptor sees; the first of several is the outermost.
    #[must_use]
    pub fn intercepted(&self, interceptor: impl ClientInterceptor) -> Self {
        let mut inner = (*self.0).clone();
        inner.interceptors.push(interceptor);
        Self(Arc::new(inner))
    }

    /// The generated stub, for calls that have no method here. It neither retries nor limits time.
    #[must_use]
    pub fn workflow_service(&self) -> WorkflowService {
        self.0.workflow_service.clone()
    }

    /// The generated stub of the operators' calls; see [`Client::workflow_service`].
    #[must_use]
    pub fn operator_service(&self) -> OperatorService {
        self.0.operator_service.clone()
    }

    /// The generated stub of Weft's own calls about histories; see [`Client::workflow_service`].
    #[must_use]
    pub fn history_service(&self) -> HistoryService {
        self.0.history_service.clone()
    }

    /// What this connection was made with.
    #[must_use]
    pub fn options(&self) -> &ConnectOptions {
        &self.0.options
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.options.namespace
    }

    #[must_use]
    pub fn identity(&self) -> &str {
        &self.0.options.identity
    }

    /// A random id, for requests and for workflows whose id nobody chose.
    #[must_use]
    pub fn new_id(&self) -> String {
        self.0.ids.uuid().to_string()
    }

    /// A call that answers without waiting for anything to happen.
    pub(crate) async fn call<Q, A, F>(
        &self,
        call: &'static str,
        request: Q,
        repeat: Repeat,
        send: impl Fn(WorkflowService, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let limit = self.0.options.call_timeout;
        self.call_within(call, limit, request, repeat, send).await
    }

    pub(crate) async fn call_within<Q, A, F>(
        &self,
        call: &'static str,
        limit: Duration,
        request: Q,
        repeat: Repeat,
        send: impl Fn(WorkflowService, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.sent(call, limit, request, repeat, |request| send(self.workflow_service(), request)).await
    }

    /// An operator's call that answers without waiting for anything to happen.
    pub(crate) async fn call_operator<Q, A, F>(
        &self,
        call: &'static str,
        request: Q,
        repeat: Repeat,
        send: impl Fn(OperatorService, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let limit = self.0.options.call_timeout;
        self.sent(call, limit, request, repeat, |request| send(self.operator_service(), request)).await
    }

    /// One of Weft's own calls about histories, with a limit of its own: some read a whole history.
    pub(crate) async fn call_history<Q, A, F>(
        &self,
        call: &'static str,
        limit: Duration,
        request: Q,
        repeat: Repeat,
        send: impl Fn(HistoryService, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.sent(call, limit, request, repeat, |request| send(self.history_service(), request)).await
    }

    async fn sent<Q, A, F>(
        &self,
        call: &'static str,
        limit: Duration,
        request: Q,
        repeat: Repeat,
        send: impl Fn(Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let interceptors = &self.0.interceptors;
        let mut request = request;
        let answer = match interceptors.outbound(call, &mut request) {
            Ok(()) => self.sent_as_it_is(call, limit, request, repeat, send).await,
            Err(refused) => Err(refused),
        };
        interceptors.answered(call, &answer);
        answer
    }

    async fn sent_as_it_is<Q, A, F>(
        &self,
        call: &'static str,
        limit: Duration,
        request: Q,
        repeat: Repeat,
        send: impl Fn(Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Message + Name + Default + Clone + 'static,
        A: Message + Name + Default,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let codec = &self.0.options.codec;
        let failed = |error| Error::Codec { call, error: Box::new(error) };
        let request = codec.encode(request).await.map_err(failed)?;
        let attempt = || {
            let mut request = Request::new(request.clone());
            request.set_timeout(limit);
            let answer = send(request);
            async {
                let answer = answer.await;
                answer
                    .map(Response::into_inner)
                    .map_err(|status| Error::of_status(&self.0.options.address, call, &status))
            }
        };
        let answer = retry::run(self.0.options.retry, repeat, attempt).await?;
        codec.decode(answer).await.map_err(failed)
    }
}

impl Headers {
    fn of(options: &ConnectOptions) -> Result<Self, Error> {
        // The custom headers last: who sets one by hand means it.
        let ours = [
            ("client-name", "weft-client".to_owned()),
            ("client-version", env!("CARGO_PKG_VERSION").to_owned()),
            ("temporal-namespace", options.namespace.clone()),
        ];
        let key = options.api_key.iter().map(|key| ("authorization", format!("Bearer {key}")));
        let custom = options.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let all: Result<Vec<_>, _> = ours.into_iter().chain(key).chain(custom).map(|(n, v)| header(n, &v)).collect();
        Ok(Self(Arc::new(all?)))
    }

    fn put(&self, to: &mut MetadataMap) {
        for (name, value) in self.0.iter() {
            to.insert(name, value.clone());
        }
    }
}

fn header(name: &str, value: &str) -> Result<(AsciiMetadataKey, MetadataValue<Ascii>), config::Error> {
    let wrong = |why: &str| config::Error::Header { name: name.to_owned(), why: why.to_owned() };
    let key = name.parse().map_err(|_| wrong("the name may have letters, digits and dashes"))?;
    Ok((key, value.parse().map_err(|_| wrong("the value may have visible ASCII characters"))?))
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        self.put(request.metadata_mut());
        Ok(request)
    }
}

fn endpoint(options: &ConnectOptions) -> Result<Endpoint, Error> {
    let address = config::address(&options.address)?;
    let by_address = || (address.secure == Some(true)).then(Tls::default);
    let tls = options.tls.clone().or_else(by_address);
    if tls.is_some() && address.secure == Some(false) {
        return Err(config::Error::Contradiction { scheme: "http", tls: "on" }.into());
    }
    let endpoint = Endpoint::from_shared(address.url(tls.is_some()))
        .map_err(|error| Error::of_transport(&options.address, &error))?;
    match tls {
        Some(tls) => Ok(tls.secure(endpoint).map_err(config::Error::from)?),
        None => Ok(endpoint),
    }
}

/// This machine's name, as far as it can be had without asking the network.
fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = kernel.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    host.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "localhost".to_owned())
}
