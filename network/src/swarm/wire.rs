//! Requests and responses on a stream: `u32le(length) ‖ bytes`, one message each way.
//!
//! The length is there to tell a peer that broke off from one that sends nonsense: only a whole
//! message that does not decode is an offence.
//!
//! What must not be broken: a request that does not decode is handed on as such ([`Received`]).
//! libp2p reports no event for a request that could not be read, so that its sender would never be
//! charged.

use std::io;

use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use lode_consensus::DecodeError;

use crate::message::{Request, RequestKind, Response};

/// A peer's request, or what is wrong with its bytes. What we send is always a request.
pub(super) type Received = Result<Request, DecodeError>;

/// The codec of one kind of requests.
#[derive(Debug, Clone)]
pub(super) struct Wire(pub(super) RequestKind);

impl request_response::Codec for Wire {
    type Protocol = StreamProtocol;
    type Request = Received;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Received>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, self.0.max_request_bytes()).await?;
        Ok(bytes.and_then(|bytes| Request::decode(self.0, &bytes)))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, self.0.max_response_bytes()).await?;
        bytes.and_then(|bytes| Response::decode(self.0, &bytes)).map_err(malformed)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Received,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &request.map_err(malformed)?.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &response.encode()).await
    }
}

/// Whether a response failed because of what the peer sent, and not because it ended.
pub(super) fn is_malformed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

fn malformed(error: DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Reads a message, or finds it too long. Memory grows with what has come, never with what is
/// announced.
async fn read<T: AsyncRead + Unpin + Send>(
    io: &mut T,
    limit: usize,
) -> io::Result<Result<Vec<u8>, DecodeError>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_le_bytes(length);
    let got = usize::try_from(length).unwrap_or(usize::MAX);
    if got > limit {
        return Ok(Err(DecodeError::TooMany { what: "message bytes", limit, got }));
    }
    let mut bytes = Vec::new();
    io.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if bytes.len() < got {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Ok(bytes))
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    io.write_all(&length.to_le_bytes()).await?;
    io.write_all(bytes).await?;
    io.flush().await
}
