/// What one path answers to each method. HEAD is answered like GET, without the body.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (inout WaldurModel, Call) throws(Refusal) -> Answer

    /// With `{uuid}` for the object's key; ends in a slash.
    var path: String
    var handlers: [String: Handler]
    /// Whether it answers without a token.
    var isOpen = false
    /// How many components a call is about to change, for the injected latency.
    var changes: (@Sendable (WaldurModel, Call) -> Int)?

    static func get(_ path: String, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(path: path, handlers: ["GET": handler])
    }

    static func post(_ path: String, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(path: path, handlers: ["POST": handler])
    }

    func handler(_ method: String) -> Handler? {
        handlers[method == "HEAD" ? "GET" : method]
    }

    var allow: String {
        var methods = handlers.keys.sorted()
        if handlers["GET"] != nil { methods.append("HEAD") }
        return (methods + ["OPTIONS"]).joined(separator: ", ")
    }

    /// All that the double answers under `/api/`.
    static let all: [Endpoint] =
        accountEndpoints + usageEndpoints + furtherUsageEndpoints + resourceEndpoints
        + resourceChangeEndpoints + offeringEndpoints + publishingEndpoints + orderEndpoints
        + invoiceEndpoints + organisationEndpoints
}
