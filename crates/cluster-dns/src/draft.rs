//! A reply on its way: what every answer begins with, and how it is made to fit.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, ResponseCode};
use serve::dns::Transport;

/// What a datagram may hold unless the client says more, and what this one takes at most (dnsflagday.net, 2020).
const PLAIN_BYTES: u16 = 512;
const LARGEST_DATAGRAM: u16 = 1232;

#[derive(Clone, Debug)]
pub struct Draft {
    pub message: Message,
    limit: usize,
}

impl Draft {
    pub fn new(request: &Message, transport: Transport) -> Self {
        let mut message = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
        message.metadata = Metadata::response_from_request(&request.metadata);
        message.metadata.recursion_available = true;
        message.add_queries(request.queries.iter().cloned());
        let mut limit = PLAIN_BYTES;
        if let Some(edns) = &request.edns {
            limit = edns.max_payload().clamp(PLAIN_BYTES, LARGEST_DATAGRAM);
            let mut own = Edns::new();
            own.set_max_payload(LARGEST_DATAGRAM);
            message.set_edns(own);
        }
        let limit = if transport == Transport::Stream { u16::MAX } else { limit };
        Self { message, limit: usize::from(limit) }
    }

    /// Nothing but this code.
    pub fn failed(mut self, code: ResponseCode) -> Self {
        self.message.answers.clear();
        self.message.authorities.clear();
        self.message.additionals.clear();
        self.message.metadata.response_code = code;
        self
    }

    /// None if it cannot be written at all. What is too long loses first what nobody asked for, then as many answers as it
    /// must, and says so: old resolvers do with what is there instead of asking by TCP.
    pub fn encode(mut self) -> Option<Vec<u8>> {
        let whole = self.message.to_vec().ok()?;
        if whole.len() <= self.limit {
            return Some(whole);
        }
        self.message.additionals.clear();
        let answered = self.message.to_vec().ok()?;
        if answered.len() <= self.limit {
            return Some(answered);
        }
        self.message.metadata.truncation = true;
        let answers = std::mem::take(&mut self.message.answers);
        let counts: Vec<usize> = (1..answers.len()).collect();
        let fits = counts.partition_point(|count| self.with(&answers[..*count]).is_some_and(|b| b.len() <= self.limit));
        self.with(&answers[..fits])
    }

    fn with(&self, answers: &[hickory_proto::rr::Record]) -> Option<Vec<u8>> {
        let mut message = self.message.clone();
        message.add_answers(answers.iter().cloned());
        message.to_vec().ok()
    }
}
