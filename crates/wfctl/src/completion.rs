//! Completions for shells, written by clap from the same definitions as the help.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  wfctl completion bash > ~/.local/share/bash-completion/completions/wfctl\n  \
    wfctl completion zsh > ~/.zfunc/_wfctl\n  wfctl completion fish > ~/.config/fish/completions/wfctl.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wfctl", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(())
}
