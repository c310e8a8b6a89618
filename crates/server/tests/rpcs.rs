//! `docs/rpcs.md` names every RPC of the API and says what it does here. The names come from Temporal's descriptors, what
//! is built from a running server, which is called once by each of them; only the remarks are written by hand.
//!
//! `WEFT_WRITE_RPCS=1 cargo test -p weft-server --test rpcs` writes the page anew and keeps the remarks.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf, time::Duration};

use tonic::{Code, Request, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;
use weft_protocol::rpc::{self, Rpc, Service};
use weft_server::{Server, node::Place};

const HEAD: &str = "\
# Every RPC of Temporal's API, and what it does here

The first two columns are generated: the names from Temporal's descriptors, the second from a running server that is called once by each.
What is not built answers `UNIMPLEMENTED` and names itself.
A remark says why something is not built, or where what is built differs; the rules are those of [compatibility.md](compatibility.md).
The test `every_rpc_is_on_the_page` of `weft-server` holds this page against the server, and writes it anew when `WEFT_WRITE_RPCS` is set; the remarks are kept.
";

#[tokio::test]
async fn every_rpc_is_on_the_page() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory).listen(address).start().await.expect("it starts");
    let endpoint = Channel::from_shared(format!("http://{}", server.address())).expect("an address is a URI");
    let channel = endpoint.connect().await.expect("it listens");
    let mut built = BTreeMap::new();
    for rpc in rpc::all() {
        built.insert(rpc.path, is_built(&channel, rpc).await);
    }
    server.shutdown().await;

    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/rpcs.md");
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let page = page(&built, &remarks(&committed));
    if env::var_os("WEFT_WRITE_RPCS").is_some() {
        fs::write(&file, &page).expect("the page can be written");
    } else {
        let stale = page.lines().find(|line| !committed.lines().any(|it| it == *line));
        assert!(
            page == committed,
            "docs/rpcs.md is not what the server does, from {stale:?}: \
             run `WEFT_WRITE_RPCS=1 cargo test -p weft-server --test rpcs` and look at the difference",
        );
    }
    for line in page.lines() {
        assert!(!line.ends_with("| not built |  |"), "a remark must say why this is not built: {line}");
    }
}

/// Whether the server has it: called with an empty request, which most refuse, but by their own words.
async fn is_built(channel: &Channel, rpc: &Rpc) -> bool {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("the server is there");
    let mut request = Request::new(());
    request.set_timeout(Duration::from_secs(5));
    let answer = grpc.unary::<(), (), _>(request, PathAndQuery::from_static(rpc.path), ProstCodec::default()).await;
    answer.err().is_none_or(|refusal| {
        refusal.code() != Code::Unimplemented || refusal.message() != rpc::unimplemented(rpc.path).message()
    })
}

/// What the page says of each RPC beside what is generated: by service, name and state, so that a reason why something is
/// not built goes with the building.
fn remarks(page: &str) -> BTreeMap<(String, String), String> {
    let mut service = String::new();
    let mut remarks = BTreeMap::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut service);
        } else if let Some((row, remark)) = line.strip_suffix(" |").and_then(|line| line.rsplit_once(" | ")) {
            remarks.insert((service.clone(), row.to_owned()), remark.trim().to_owned());
        }
    }
    remarks
}

fn page(built: &BTreeMap<&str, bool>, remarks: &BTreeMap<(String, String), String>) -> String {
    let mut page = HEAD.to_owned();
    for (service, title) in
        [(Service::WorkflowService, "WorkflowService"), (Service::OperatorService, "OperatorService")]
    {
        let rpcs = || rpc::all().iter().filter(|rpc| rpc.service == service);
        let count = rpcs().filter(|rpc| built[rpc.path]).count();
        writeln!(page, "\n## {title}\n\n{count} of {} are built.\n", rpcs().count()).expect("a String takes all");
        page.push_str("| RPC | here | remark |\n| --- | --- | --- |\n");
        for rpc in rpcs() {
            let state = if built[rpc.path] { "built" } else { "not built" };
            let row = format!("| `{}` | {state}", rpc.name);
            let remark = remarks.get(&(title.to_owned(), row.clone())).map_or("", String::as_str);
            writeln!(page, "{row} | {remark} |").expect("a String takes all");
        }
    }
    page
}
