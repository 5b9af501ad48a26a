//! The control socket of a running node: a Unix socket in its data folder, for who may write there.
//!
//! One request a connection, a line; one answer, a line: `ok`, or what is wrong.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use qenex_exec::Chain;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

/// Most bytes of a request.
const MAX_REQUEST: u64 = 8_192;

fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Listens in the data folder of a node that has its database open.
///
/// # Errors
///
/// If the socket cannot be made.
pub(crate) fn listen(data: &Path, chain: Arc<Chain>) -> Result<()> {
    let path = socket(data);
    // Left by a node that was killed: the database's lock says that no other one runs.
    let _absent = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen at {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let chain = chain.clone();
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let limited = tokio::io::AsyncReadExt::take(reader, MAX_REQUEST);
                let mut line = String::new();
                let read = tokio::io::BufReader::new(limited).read_line(&mut line).await;
                if read.is_err() {
                    return;
                }
                let work = move || answer(&chain, line.trim_end());
                let answer = match tokio::task::spawn_blocking(work).await {
                    Ok(Ok(())) => "ok".to_owned(),
                    Ok(Err(error)) => format!("{error:#}"),
                    Err(_) => "the node is stopping".to_owned(),
                };
                let _gone = writer.write_all(format!("{answer}\n").as_bytes()).await;
            });
        }
    });
    Ok(())
}

fn answer(chain: &Chain, request: &str) -> Result<()> {
    match request.split_once(' ') {
        Some(("checkpoint", folder)) => {
            chain.checkpoint(Path::new(folder))?;
            tracing::info!(folder, "checkpoint made");
            Ok(())
        }
        _ => bail!("unknown request"),
    }
}

/// Asks the node that runs in a data folder for a checkpoint; false if none runs.
///
/// # Errors
///
/// If it cannot make one.
pub(crate) fn checkpoint(data: &Path, folder: &Path) -> Result<bool> {
    let Ok(mut node) = UnixStream::connect(socket(data)) else { return Ok(false) };
    let folder = folder.to_str().context("the name of the folder is no text")?;
    writeln!(node, "checkpoint {folder}")?;
    let mut answer = String::new();
    BufReader::new(node).read_line(&mut answer).context("the node gave no answer")?;
    match answer.trim_end() {
        "ok" => Ok(true),
        other => bail!("the node refused: {other}"),
    }
}
