/// Why a call is answered with an error.
///
/// All but `.server` keep what the call had already written: Waldur turns them into an answer
/// inside its transaction. `.server` is an uncaught exception there, and rolls back.
enum Refusal: Error {
    /// 400 with this body.
    case invalid(JSON)
    /// 401 with this detail.
    case unauthenticated(String)
    case forbidden
    /// 404 naming the kind of object, `Order`.
    case notFound(String)
    /// 404 with this detail.
    case missing(String)
    case methodNotAllowed(String)
    /// 409 with this detail.
    case conflict(String)
    /// 409 with this `error_message`.
    case conflictMessage(String)
    /// 500. The reason is for the double's log; Waldur shows none.
    case server(String)
}
