//! Broken bytes against a running service: it must stay up, never answer 500, and still answer a good request afterwards.

use crate::demo::{service, world::World};
use crate::process::{self, Result, seconds};
use clap::Args;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Options {
    /// How long to go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Repeat an earlier run
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Well-formed beginnings, so that mutations reach past the first line.
const CORPUS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 43\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15",
    "POST /clusters HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/eks/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000\r\nX-Amz-Date: 20260101T000000Z\r\n\r\n{\"name\": \"demo\"}",
    "GET /clusters/a%2Fb/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx HTTP/1.1\r\nHost: localhost\r\nX-Amz-Date: 20260101T000000Z\r\n\r\n",
    "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
];

pub fn run(options: &Options) -> Result<()> {
    process::timed("build", || process::cargo(&["build", "--locked", "--profile", "ci", "-p", "pilothouse"]))?;
    let directory = std::env::temp_dir().join(format!("pilothouse-fuzz-{}", std::process::id()));
    let mut world = World::new(directory, service::binary("ci")?, service::free_port()?)?;
    service::up(&mut world)?;
    let outcome = process::timed(&format!("fuzz: seed {}", options.seed), || attack(&mut world, options));
    let tail = if outcome.is_err() { service::tail_of_log(&world) } else { String::new() };
    service::purge(&mut world)?;
    world.remove_files()?;
    outcome.map_err(|failure| format!("{failure}\n{tail}").into())
}

fn attack(world: &mut World, options: &Options) -> Result<()> {
    let mut random = Random(options.seed.max(1));
    let started = Instant::now();
    let mut sent = 0_u64;
    while started.elapsed() < Duration::from_secs(options.seconds) {
        let request = mutated(&mut random);
        sent += 1;
        let answer = exchange(world.port, &request).map_err(|error| {
            format!("request {sent} of seed {}: {error}\n{}", options.seed, String::from_utf8_lossy(&request))
        })?;
        if answer.starts_with("HTTP/1.1 500") {
            return Err(
                format!("request {sent} of seed {} got a 500:\n{}", options.seed, String::from_utf8_lossy(&request)).into()
            );
        }
    }
    service::only_pid(world)?;
    world.ok("aws sts get-caller-identity")?;
    println!("   {sent} requests in {}", seconds(started.elapsed()));
    Ok(())
}

/// Sends the bytes and reads what comes back; a server that hangs up without a word is within its rights.
fn exchange(port: u16, request: &[u8]) -> std::io::Result<String> {
    const PATIENCE: Duration = Duration::from_millis(200);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; 64];
    // Refused in the middle of the request, or still waiting for the rest of it: both are answers.
    let read = stream.write_all(request).and_then(|()| stream.read(&mut answer)).unwrap_or(0);
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes = CORPUS[random.below(CORPUS.len())].as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes.insert(at, [0, b'%', b'"', b'\n', 0xff, b'&', b'/'][random.below(7)]),
            2 => bytes.truncate(at.max(1)),
            3 => drop(bytes.drain(at..bytes.len().min(at + 1 + random.below(16)))),
            _ => {
                let slice = bytes[at..bytes.len().min(at + 32)].to_vec();
                bytes.splice(at..at, slice.repeat(1 + random.below(64)));
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// xorshift64*: the same seed sends the same bytes.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_sends_the_same_bytes() {
        let run = |seed| (0..200).map(|_| mutated(&mut Random(seed))).collect::<Vec<_>>();
        let mut first = Random(7);
        let sequence: Vec<Vec<u8>> = (0..200).map(|_| mutated(&mut first)).collect();
        let mut second = Random(7);
        assert!(sequence.iter().all(|bytes| *bytes == mutated(&mut second)));
        assert_eq!(run(3), run(3));
        assert!(sequence.iter().all(|bytes| !bytes.is_empty()));
    }
}
