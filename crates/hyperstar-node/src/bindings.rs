//! What `wit/process.wit` says, as wasmtime sees it. Only this crate sees these types: [`crate::convert`]
//! makes the ABI's of them.

wasmtime::component::bindgen!({
    path: "../../wit/process.wit",
    world: "process",
    imports: { default: trappable },
    exports: { default: async },
});
