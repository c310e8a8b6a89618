//! What a worker tells of itself while it works, on a real socket.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use tokio::{net::TcpListener, sync::oneshot};
use weft::testing::TestEnv;
use weft_worker::{
    operations,
    process::Supervisor,
    provider::Providers,
    sandbox::Mode,
    serve::{self, QUEUE, Settings},
};

/// The whole answer to a question.
fn ask(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_how_it_is_until_it_is_told_to_stop() -> anyhow::Result<()> {
    let (env, folder) = (TestEnv::start().await?, tempfile::tempdir()?);
    let supervisor = Supervisor::at(env!("CARGO_BIN_EXE_weft-worker"));
    let folder = folder.path().to_owned();
    let settings = Settings { queue: QUEUE.to_owned(), folder, supervisor, sandbox: Mode::Enforced };
    let worker = serve::worker(env.client(), &settings, &Providers::default())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let running = tokio::spawn(operations::run(worker, Some(listener), stopped));

    let ready = ask(address, "/readyz")?;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("ready\n"), "{ready}");
    assert!(ask(address, "/livez")?.starts_with("HTTP/1.1 200"));
    let metrics = ask(address, "/metrics")?;
    assert!(metrics.contains("weft_worker_tasks_total{kind=\"activity\"} 0\n"), "{metrics}");
    assert!(ask(address, "/nothing")?.starts_with("HTTP/1.1 404"));

    drop(stop);
    running.await??;
    assert!(ask(address, "/livez").is_err());
    env.shutdown().await;
    Ok(())
}
