//! What a WebAssembly component exports and imports: `wit/process.wit` as code, and the way between its
//! types and those of [`abi`](crate::abi).

mod convert;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic;
use std::rc::Rc;

use crate::abi;
use crate::app::{Guest, Hyperapp};
use crate::runtime::Runtime;
use crate::sys::{self, Level, Sys};

/// What `wit-bindgen` makes of `wit/process.wit`.
#[allow(unsafe_code, unreachable_pub, missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "hyperstar:process/process",
        pub_export_macro: true,
        default_bindings_module: "hyperstar_process::component::bindings",
        generate_all,
    });
}

use self::bindings::hyperstar::process::sys as imports;

/// What [`export!`](crate::export) exports.
#[derive(Debug)]
pub struct Exported<A>(PhantomData<A>);

thread_local! {
    static GUEST: RefCell<Option<Box<dyn Guest>>> = const { RefCell::new(None) };
}

/// Runs `work` with the guest, which is made on the first call.
fn with<A: Hyperapp, T>(work: impl FnOnce(&mut dyn Guest) -> T) -> T {
    let sys: Rc<dyn Sys> = Rc::new(Imports);
    sys::enter(&sys, || {
        GUEST.with_borrow_mut(|guest| {
            let guest = guest.get_or_insert_with(|| {
                panic::set_hook(Box::new(|panic| {
                    imports::log(Level::Error as u8, &panic.to_string());
                }));
                Box::new(Runtime::<A>::new())
            });
            work(guest.as_mut())
        })
    })
}

impl<A: Hyperapp> bindings::Guest for Exported<A> {
    fn describe() -> String {
        let interface = with::<A, _>(|guest| guest.interface());
        serde_json::to_string(&interface).expect("an interface has text for keys, so it is JSON")
    }

    fn assets() -> Vec<bindings::Asset> {
        let assets = with::<A, _>(|guest| guest.assets()).into_iter();
        let own = |asset: abi::Asset| bindings::Asset {
            name: asset.name,
            body: asset.body,
        };
        assets.map(own).collect()
    }

    fn init(start: bindings::Start) -> Result<bindings::Turn, String> {
        with::<A, _>(|guest| guest.start(start.into())).map(Into::into)
    }

    fn turn(events: Vec<bindings::Event>) -> bindings::Turn {
        let events = events.into_iter().map(abi::Event::from).collect();
        with::<A, _>(|guest| guest.turn(events)).into()
    }

    fn render(request: bindings::RenderRequest) -> Result<bindings::Page, bindings::ViewError> {
        match with::<A, _>(|guest| guest.render(request.into())) {
            Ok(page) => Ok(page.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The imports of a component.
struct Imports;

impl Sys for Imports {
    fn now_ms(&self) -> u64 {
        imports::now_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let random = imports::random(count);
        bytes.copy_from_slice(&random);
    }

    fn log(&self, level: Level, text: &str) {
        imports::log(level as u8, text);
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        imports::get(path)
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        let fields = imports::scan(at_or_after, before, most, back).into_iter();
        fields.map(|field| (field.path, field.value)).collect()
    }

    fn count(&self, prefix: &str) -> u64 {
        imports::count(prefix)
    }
}
