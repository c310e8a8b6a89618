//! What the harness asks of a node's operations port, as `wfctl` does.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A node waits less than that for what it waits for.
const PATIENT: Duration = Duration::from_secs(30);

/// What a node says of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Picture(Value);

impl Picture {
    /// Of how many groups it knows the node to be the leader.
    pub(crate) fn led_by(&self, node: u64) -> usize {
        let groups = self.0["groups"].as_array().into_iter().flatten();
        groups.filter(|group| group["leader"].as_u64() == Some(node)).count()
    }

    /// The format level of the cluster; builds before levels do not say it.
    pub(crate) fn level(&self) -> Option<u64> {
        self.0["level"].as_u64()
    }

    /// The newest format level that a node supports, if the one that was asked has heard of it.
    pub(crate) fn newest_level(&self, node: u64) -> Option<u64> {
        let members = self.0["members"].as_array().into_iter().flatten();
        let mut of = members.filter(|member| member["node"].as_u64() == Some(node));
        of.find_map(|member| member["levels"]["newest"].as_u64())
    }

    /// A number that no node ever had.
    pub(crate) fn next_number(&self) -> anyhow::Result<u64> {
        self.0["next_node"].as_u64().context("it knows no members yet")
    }

    /// How many shards there are: the first group is that of the metadata.
    pub(crate) fn shards(&self) -> Option<u64> {
        let groups = self.0["groups"].as_array()?.len();
        u64::try_from(groups).ok()?.checked_sub(1).filter(|shards| *shards > 0)
    }

    pub(crate) fn leader(&self, shard: u64) -> Option<u64> {
        self.group(shard)?["leader"].as_u64()
    }

    /// Who votes in a shard.
    pub(crate) fn voters(&self, shard: u64) -> Vec<u64> {
        let voters = self.group(shard).and_then(|group| group["voters"].as_array());
        voters.into_iter().flatten().filter_map(Value::as_u64).collect()
    }

    /// Whether the node that was asked has a copy of it.
    pub(crate) fn is_here(&self, shard: u64) -> bool {
        self.group(shard).is_some_and(|group| group["here"] == true)
    }

    /// A vote in it is on its way.
    pub(crate) fn is_moving(&self, shard: u64) -> bool {
        self.0["moves"].as_array().into_iter().flatten().any(|it| it["shard"].as_u64() == Some(shard))
    }

    fn group(&self, shard: u64) -> Option<&Value> {
        self.0["groups"].as_array()?.iter().find(|group| group["group"].as_u64() == Some(shard))
    }

    /// `member`, `removed` and so on.
    pub(crate) fn state(&self, node: u64) -> Option<&str> {
        let members = self.0["members"].as_array().into_iter().flatten();
        members.filter(|member| member["node"].as_u64() == Some(node)).find_map(|member| member["state"].as_str())
    }
}

/// All that a node says of the cluster, or why it says nothing.
pub(crate) async fn account(node: SocketAddr) -> String {
    match send(node, "GET", "/admin/cluster").await {
        Ok((_, body)) => body,
        Err(error) => format!("{error:#}\n"),
    }
}

pub(crate) async fn picture(node: SocketAddr) -> anyhow::Result<Picture> {
    ask(node, "GET", "/admin/cluster").await.map(Picture)
}

/// Waits a while until the node is in that state.
pub(crate) async fn wait(asked: SocketAddr, node: u64, state: &str) -> anyhow::Result<Picture> {
    ask(asked, "GET", &format!("/admin/cluster/wait?node={node}&state={state}")).await.map(Picture)
}

/// `remove?node=3`, say.
pub(crate) async fn command(asked: SocketAddr, command: &str) -> anyhow::Result<()> {
    ask(asked, "POST", &format!("/admin/cluster/{command}")).await.map(drop)
}

/// Whether a node has applied what a majority has committed.
pub(crate) async fn is_ready(node: SocketAddr) -> bool {
    send(node, "GET", "/readyz").await.is_ok_and(|(status, _)| status == "200")
}

async fn ask(node: SocketAddr, method: &str, path: &str) -> anyhow::Result<Value> {
    let (status, body) = send(node, method, path).await?;
    ensure!(status == "200", "{method} {path} is answered with {status}: {}", body.trim());
    Ok(serde_json::from_str(&body)?)
}

async fn send(node: SocketAddr, method: &str, path: &str) -> anyhow::Result<(String, String)> {
    let talk = async {
        let mut stream = TcpStream::connect(node).await?;
        let request = format!("{method} {path} HTTP/1.0\r\nHost: {node}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(PATIENT, talk).await.context("it did not answer")??;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("the answer is not HTTP: {answer:?}") };
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok((status.to_owned(), body.to_owned()))
}
