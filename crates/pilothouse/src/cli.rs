//! The flags, as data.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// AWS emulators' customary port, so that existing configurations fit.
const DEFAULT_PORT: u16 = 4566;
pub const DEFAULT_ACCOUNT: &str = "123456789012";
pub const DEFAULT_REGION: &str = "us-east-1";

const EXAMPLES: &str = "\
Examples:
  pilothouse up --detach            start the service and return when it is ready
  eval \"$(pilothouse env)\"          point aws and kubectl of this shell at it
  aws eks create-cluster --name demo --role-arn arn:aws:iam::123456789012:role/eksClusterRole \\
      --resources-vpc-config subnetIds=$(aws ec2 describe-subnets --query 'join(`,`,Subnets[].SubnetId)' --output text)
  aws eks update-kubeconfig --name demo && kubectl get namespaces
  pilothouse down --purge           stop it and remove everything it made";

const UP_EXAMPLES: &str = "\
Examples:
  pilothouse up --state-dir ./state --port 4570 --detach
  pilothouse up --simulated --detach    without root: clusters whose nodes only look real, thousands of them";

const IMAGE_EXAMPLES: &str = "\
Examples:
  docker save shop:1 | pilothouse image load -
  pilothouse image load app.tar --name registry.example.com/shop/app:1
  pilothouse image list -o json
  pilothouse image rm registry.example.com/shop/app:1";

#[derive(Parser)]
#[command(name = "pilothouse", version, about = "Amazon EKS as software you run yourself", after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start the service
    #[command(after_help = UP_EXAMPLES)]
    Up(Up),
    /// Stop the service; instances and their containers go on running, and the next `up` takes them over
    #[command(
        after_help = "Example:\n  pilothouse down --purge    also ends instances and removes clusters, credentials and all other state"
    )]
    Down(Down),
    /// Print the exports that point a shell's AWS clients at the service
    #[command(after_help = "Example:\n  eval \"$(pilothouse env)\"")]
    Env(State),
    /// Write a profile into the AWS configuration (~/.aws, or what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name)
    #[command(after_help = "Example:\n  pilothouse configure && aws --profile pilothouse eks list-clusters")]
    Configure(Configure),
    /// Load, list and remove container images of the service's host
    #[command(subcommand, after_help = IMAGE_EXAMPLES)]
    Image(Image),
    /// Show the service, its clusters and its instances
    Status(Status),
    /// Be the node of an instance; started by the service
    #[command(hide = true)]
    Node(Node),
    /// Print a completion script
    #[command(after_help = "Example:\n  source <(pilothouse completion bash)")]
    Completion { shell: clap_complete::Shell },
}

#[derive(Args, Clone)]
pub struct State {
    /// Where the service keeps its state; one service per directory
    #[arg(long, env = "PILOTHOUSE_STATE_DIR", default_value_os_t = default_state_dir(), value_name = "DIR")]
    pub state_dir: PathBuf,
}

#[derive(Args)]
pub struct Up {
    #[command(flatten)]
    pub state: State,
    /// Port of the AWS endpoint on 127.0.0.1
    #[arg(long, default_value_t = DEFAULT_PORT, value_name = "N")]
    pub port: u16,
    /// Twelve-digit account [default: the one of the state directory, at the first start 123456789012]
    #[arg(long, value_parser = account)]
    pub account: Option<String>,
    /// Region, set up at the first start with zones a, b and c [default: as above, us-east-1]
    #[arg(long, value_parser = region)]
    pub region: Option<String>,
    /// File that gets the names of load balancers, so that programs of this machine find them; none: no file
    /// [default: the one of the last start, at the first /etc/hosts]
    #[arg(long, value_name = "FILE|none")]
    pub hosts_file: Option<PathBuf>,
    /// Simulate instances and their network: nodes join, take pods and report them Running, but nothing is executed, and
    /// nothing needs root. Chosen at the first start; it stays with the state directory
    #[arg(long)]
    pub simulated: bool,
    /// Go on in the background; return when the service is ready
    #[arg(long)]
    pub detach: bool,
}

#[derive(Args)]
pub struct Node {
    /// The instance's directory
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

#[derive(Args)]
pub struct Down {
    #[command(flatten)]
    pub state: State,
    /// Also end all instances and remove all state: clusters, records, credentials. Works without a running service
    #[arg(long)]
    pub purge: bool,
}

#[derive(Args)]
pub struct Configure {
    #[command(flatten)]
    pub state: State,
    /// Name of the profile
    #[arg(long, default_value = "pilothouse")]
    pub profile: String,
}

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    pub state: State,
    /// table for people, json for scripts
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

#[derive(Subcommand)]
pub enum Image {
    /// Take in the images of an OCI archive, or of one by `docker save`, plain or compressed
    #[command(after_help = "Examples:\n  pilothouse image load app.tar\n  docker save shop:1 | pilothouse image load -")]
    Load(ImageLoad),
    /// Show what pods can run without a pull
    #[command(visible_alias = "ls", after_help = "Example:\n  pilothouse image list -o json")]
    List(Status),
    /// Take away a name; without its last one the image goes too, at the latest when no container uses it
    #[command(after_help = "Examples:\n  pilothouse image rm shop:1\n  pilothouse image rm sha256:4f1c...")]
    Rm(ImageRm),
}

#[derive(Args)]
pub struct ImageLoad {
    #[command(flatten)]
    pub state: State,
    /// The archive; - reads standard input
    #[arg(value_name = "FILE|-")]
    pub archive: PathBuf,
    /// What to call the image, instead of the archive's own names
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Args)]
pub struct ImageRm {
    #[command(flatten)]
    pub state: State,
    /// A name or an id
    #[arg(value_name = "REF")]
    pub image: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Json,
}

/// `$XDG_STATE_HOME/pilothouse`, by default `~/.local/state/pilothouse`.
fn default_state_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let base = std::env::var_os("XDG_STATE_HOME").map_or_else(|| home().join(".local/state"), PathBuf::from);
    base.join("pilothouse")
}

fn account(text: &str) -> Result<String, String> {
    let valid = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| text.to_owned()).ok_or_else(|| "an account is twelve digits".into())
}

fn region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let shaped = parts.len() >= 3
        && parts.last().is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()) && !n.is_empty())
        && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    shaped.then(|| text.to_owned()).ok_or_else(|| "a region reads like us-east-1".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn accounts_and_regions_are_checked() {
        assert!(account("123456789012").is_ok() && account("12345").is_err() && account("12345678901x").is_err());
        for (text, valid) in
            [("us-east-1", true), ("us-gov-west-1", true), ("useast1", false), ("us-east-", false), ("US-EAST-1", false)]
        {
            assert_eq!(region(text).is_ok(), valid, "{text}");
        }
    }
}
