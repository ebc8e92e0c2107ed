//! `pilothouse status`: a table for people, JSON for scripts.

use super::{Failure, io};
use crate::cli::{Output, Status};
use cluster::StateDir;
use cluster::control_socket::{self, Ask, ServiceStatus};

pub async fn run(options: &Status) -> Result<(), Failure> {
    let state = StateDir::new(&options.state.state_dir);
    let answer = control_socket::ask(&state.control_socket(), Ask::Status).await.map_err(io("cannot reach the service"))?;
    let status = answer.ok_or_else(|| Failure::NoService(options.state.state_dir.display().to_string()))?;
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&status).map_err(|e| Failure::Other(e.to_string()))?),
        Output::Table => print!("{}", table(&status)),
    }
    Ok(())
}

fn table(status: &ServiceStatus) -> String {
    let mut rows = vec![["CLUSTER", "VERSION", "STATUS", "ENDPOINT"].map(str::to_owned)];
    rows.extend(status.clusters.iter().map(|c| [c.name.clone(), c.version.clone(), c.status.clone(), c.endpoint.clone()]));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut out = format!("{}  account {}  region {}  pid {}\n\n", status.endpoint, status.account, status.region, status.pid);
    for [name, version, phase, endpoint] in &rows {
        out.push_str(&format!("{name:<0$}  {version:<1$}  {phase:<2$}  {endpoint}\n", widths[0], widths[1], widths[2]));
    }
    out
}
