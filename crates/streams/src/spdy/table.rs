//! The open streams of one connection.

use crate::pipe::{CHUNKS, Credit, Incoming, OutSender, Outgoing};
use crate::window::{INITIAL, Window};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

pub(super) struct Table {
    streams: Mutex<Streams>,
    max: usize,
    /// What may be sent on all streams together.
    pub shared: Arc<Window>,
}

#[derive(Default)]
struct Streams {
    open: HashMap<u32, Slot>,
    last: u32,
    /// The window that new streams start with; the flag: the peer has said so itself.
    initial: Option<i64>,
}

struct Slot {
    /// None: the peer has closed its side.
    chunks: Option<mpsc::Sender<Bytes>>,
    window: Arc<Window>,
    local_closed: bool,
}

pub(super) enum Opened {
    Stream(Incoming, Outgoing),
    /// Too many.
    Refused,
    /// Not a number that the peer may use now.
    Invalid,
}

impl Table {
    pub fn new(max: usize) -> Self {
        Self { streams: Mutex::default(), max, shared: Arc::new(Window::new(INITIAL, false)) }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn open(&self, id: u32, out: &OutSender) -> Opened {
        let mut streams = self.streams();
        // Clients use odd numbers, upwards.
        if id.is_multiple_of(2) || id <= streams.last {
            return Opened::Invalid;
        }
        streams.last = id;
        if streams.open.len() >= self.max {
            return Opened::Refused;
        }
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let window = Arc::new(Window::new(streams.initial.unwrap_or(INITIAL), streams.initial.is_some()));
        streams.open.insert(id, Slot { chunks: Some(sender), window: window.clone(), local_closed: false });
        let credit = Some(Credit { stream: id, out: out.clone(), due: 0 });
        let outgoing = Outgoing { stream: id, out: out.clone(), window: window.clone(), shared: self.shared.clone() };
        Opened::Stream(Incoming { chunks, window, credit }, outgoing)
    }

    /// Where data of the stream goes. None: it is unknown or closed, and data on it is dropped.
    pub fn taker(&self, id: u32) -> Option<mpsc::Sender<Bytes>> {
        self.streams().open.get(&id)?.chunks.clone()
    }

    pub fn remote_closed(&self, id: u32) {
        let mut streams = self.streams();
        if let Some(slot) = streams.open.get_mut(&id) {
            slot.chunks = None;
            if slot.local_closed {
                streams.open.remove(&id);
            }
        }
    }

    pub fn local_closed(&self, id: u32) {
        let mut streams = self.streams();
        if let Some(slot) = streams.open.get_mut(&id) {
            slot.local_closed = true;
            if slot.chunks.is_none() {
                streams.open.remove(&id);
            }
        }
    }

    pub fn reset(&self, id: u32) {
        if let Some(slot) = self.streams().open.remove(&id) {
            slot.window.fail();
        }
    }

    pub fn give(&self, id: u32, bytes: i64) {
        if let Some(slot) = self.streams().open.get(&id) {
            slot.window.give(bytes);
        }
    }

    /// The peer's SETTINGS: streams that are open grow or shrink by the difference.
    pub fn initial_window(&self, bytes: i64) {
        let mut streams = self.streams();
        let change = bytes - streams.initial.unwrap_or(INITIAL);
        streams.initial = Some(bytes);
        for slot in streams.open.values() {
            slot.window.give(change);
        }
    }

    pub fn last(&self) -> u32 {
        self.streams().last
    }

    pub fn fail_all(&self) {
        self.shared.fail();
        for (_, slot) in self.streams().open.drain() {
            slot.window.fail();
        }
    }
}
