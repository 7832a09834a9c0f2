//! Stubs for WASI, for components of other languages: their runtimes import it whether they use it or not.
//!
//! Nothing is granted. Clocks and randomness are those of `sys`; what is written to the standard streams
//! goes to the process's log; there are no arguments, no variables, no folders; everything else fails with
//! the error that its type has for that. No call waits: what would be waited for is ready at once.
//!
//! # Design
//! The stubs are made from the types that the component imports, whatever version they are of. Written-out
//! interfaces would be a second contract to keep up with.

mod nothing;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType, Val};
use wasmtime::{StoreContextMut, bail};

use crate::guest::{Guest, Stop};

/// Stands for every resource of WASI.
pub(crate) struct Stub;

/// What a stub is of, where that matters.
const STDERR: u32 = 2;
const ANY: u32 = 0;

/// What a stream takes at once.
const WRITE_BYTES_MAX: u64 = 64 << 10;
/// The random bytes that one call gives at most.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// Defines every import of WASI that the component has.
pub(crate) fn link(
    linker: &mut Linker<Guest>,
    component: &Component,
    engine: &wasmtime::Engine,
) -> wasmtime::Result<()> {
    for (name, item) in component.component_type().imports(engine) {
        let Some(path) = name.strip_prefix("wasi:") else {
            continue;
        };
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            bail!("`{name}` is no interface");
        };
        let interface_name = path.split('@').next().unwrap_or(path).to_owned();
        let mut instance = linker.instance(name)?;
        for (export, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => define(&mut instance, &interface_name, export)?,
                ComponentItem::Resource(_) => {
                    instance.resource(export, ResourceType::host::<Stub>(), |_, _| Ok(()))?;
                }
                // Other types are known by their structure.
                _ => {}
            }
        }
    }
    Ok(())
}

fn define(
    instance: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<()> {
    let call = Call::of(interface, function);
    instance.func_new(function, move |mut cx, ty, params, results| {
        let streams = take_resources(&mut cx, params)?;
        let answer = call.answer(&mut cx, &ty, params, &streams)?;
        if let (Some(slot), Some(answer)) = (results.first_mut(), answer) {
            *slot = answer;
        }
        Ok(())
    })
}

/// Takes the handles among the parameters back, and tells what they stand for.
fn take_resources(
    cx: &mut StoreContextMut<'_, Guest>,
    values: &[Val],
) -> wasmtime::Result<Vec<u32>> {
    let mut reps = Vec::new();
    for value in values {
        match value {
            Val::Resource(any) => reps.push(any.try_into_resource::<Stub>(&mut *cx)?.rep()),
            Val::List(values) | Val::Tuple(values) => reps.extend(take_resources(cx, values)?),
            Val::Record(fields) => {
                for (_, value) in fields {
                    reps.extend(take_resources(cx, std::slice::from_ref(value))?);
                }
            }
            Val::Option(Some(value))
            | Val::Variant(_, Some(value))
            | Val::Result(Ok(Some(value)) | Err(Some(value))) => {
                reps.extend(take_resources(cx, std::slice::from_ref(value))?);
            }
            _ => {}
        }
    }
    Ok(reps)
}

/// The few functions that do not answer with nothing.
#[derive(Clone, Copy)]
enum Call {
    /// Milliseconds since the start of an era, in nanoseconds.
    MonotonicNow,
    WallNow,
    Resolution,
    RandomBytes,
    RandomNumber,
    Stderr,
    CheckWrite,
    Write,
    Flush,
    Poll,
    PollableReady,
    Exit,
    Nothing,
}

impl Call {
    fn of(interface: &str, function: &str) -> Self {
        match (interface, function) {
            ("clocks/monotonic-clock", "now") => Call::MonotonicNow,
            ("clocks/wall-clock", "now") => Call::WallNow,
            ("clocks/monotonic-clock", "resolution") => Call::Resolution,
            (
                "random/random" | "random/insecure",
                "get-random-bytes" | "get-insecure-random-bytes",
            ) => Call::RandomBytes,
            ("random/random" | "random/insecure", "get-random-u64" | "get-insecure-random-u64") => {
                Call::RandomNumber
            }
            ("cli/stderr", "get-stderr") => Call::Stderr,
            ("io/streams", "[method]output-stream.check-write") => Call::CheckWrite,
            (
                "io/streams",
                "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush",
            ) => Call::Write,
            (
                "io/streams",
                "[method]output-stream.flush" | "[method]output-stream.blocking-flush",
            ) => Call::Flush,
            ("io/poll", "poll") => Call::Poll,
            ("io/poll", "[method]pollable.ready") => Call::PollableReady,
            ("cli/exit", "exit" | "exit-with-code") => Call::Exit,
            _ => Call::Nothing,
        }
    }

    fn answer(
        self,
        cx: &mut StoreContextMut<'_, Guest>,
        ty: &ComponentFunc,
        params: &[Val],
        streams: &[u32],
    ) -> wasmtime::Result<Option<Val>> {
        let now_ms = cx.data().now_ms();
        Ok(Some(match (self, params) {
            (Call::MonotonicNow, _) => Val::U64(now_ms.saturating_mul(1_000_000)),
            (Call::Resolution, _) => Val::U64(1_000_000),
            (Call::WallNow, _) => {
                let nanoseconds = u32::try_from(now_ms % 1_000).unwrap_or(0) * 1_000_000;
                Val::Record(vec![
                    ("seconds".to_owned(), Val::U64(now_ms / 1_000)),
                    ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
                ])
            }
            (Call::RandomBytes, [Val::U64(bytes)]) => {
                if *bytes > RANDOM_BYTES_MAX {
                    return Err(Stop::Forbidden(format!(
                        "it asked for {bytes} random bytes at once; ask for at most {RANDOM_BYTES_MAX}"
                    ))
                    .into());
                }
                let mut random = vec![0; usize::try_from(*bytes)?];
                cx.data().fill_random(&mut random)?;
                Val::List(random.into_iter().map(Val::U8).collect())
            }
            (Call::RandomNumber, _) => {
                let mut random = [0; 8];
                cx.data().fill_random(&mut random)?;
                Val::U64(u64::from_le_bytes(random))
            }
            (Call::Stderr, _) => stub(cx, STDERR)?,
            (Call::CheckWrite, _) => done(Some(Val::U64(WRITE_BYTES_MAX))),
            (Call::Write, [_, Val::List(bytes)]) => {
                let is_error = streams == [STDERR];
                cx.data_mut().write_output(is_error, &bytes_of(bytes));
                done(None)
            }
            (Call::Flush, _) => done(None),
            (Call::Poll, [Val::List(pollables)]) => {
                let all = 0..u32::try_from(pollables.len())?;
                Val::List(all.map(Val::U32).collect())
            }
            (Call::PollableReady, _) => Val::Bool(true),
            (Call::Exit, _) => {
                return Err(Stop::Forbidden(
                    "it ended itself, as a program does; a process answers until it is stopped"
                        .into(),
                )
                .into());
            }
            _ => match ty.results().next() {
                Some(ty) => nothing::of(cx, &ty)?,
                None => return Ok(None),
            },
        }))
    }
}

fn done(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn stub(cx: &mut StoreContextMut<'_, Guest>, what: u32) -> wasmtime::Result<Val> {
    let resource = Resource::<Stub>::new_own(what);
    Ok(Val::Resource(resource.try_into_resource_any(cx)?))
}

fn bytes_of(values: &[Val]) -> Vec<u8> {
    let byte = |value: &Val| match value {
        Val::U8(byte) => *byte,
        _ => b'?',
    };
    values.iter().map(byte).collect()
}
