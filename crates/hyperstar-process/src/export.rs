//! The line that makes an app a component.

/// Makes the app that this `cdylib` holds a component: `hyperstar_process::export!(Counter);`.
///
/// Nothing happens natively, so the same source is a library there.
#[macro_export]
macro_rules! export {
    ($app:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            type Exported = $crate::component::Exported<$app>;
            $crate::component::bindings::export!(Exported with_types_in $crate::component::bindings);
        };
    };
}
