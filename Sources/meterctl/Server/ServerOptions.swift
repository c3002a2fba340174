internal import ArgumentParser
internal import FoundationEssentials

/// Where the server is and how to get in; every verb that asks a server does it through these.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server's data directory, where its administration socket is. (METER_DATA, or data)",
            valueName: "directory"
        ),
        completion: .directory
    )
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The administration socket itself. (METER_ADMIN_SOCKET)",
            valueName: "path"
        ),
        completion: .file()
    )
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The server's HTTP address, such as http://127.0.0.1:7480. (METER_URL)",
            valueName: "url"
        )
    )
    var url: String?

    @Option(
        help: ArgumentHelp(
            "A file with an HTTP key (mtr_http_...), for --url. (METER_KEY_FILE)",
            valueName: "path"
        ),
        completion: .file()
    )
    var keyFile: String?

    /// Sends a request to the server; see ``ServerClient/call(_:_:query:body:)``.
    func call(
        _ method: ServerClient.Method,
        _ path: String,
        query: [(String, String)] = [],
        body: String? = nil
    ) async throws(CommandFailure) -> Answer {
        try await ServerClient(address: address()).call(method, path, query: query, body: body)
    }

    /// Asks for a document that is handed on as it is; see ``ServerClient/document(_:_:query:body:)``.
    func document(
        _ path: String,
        query: [(String, String)]
    ) async throws(CommandFailure) -> [UInt8] {
        try await ServerClient(address: address()).document(.get, path, query: query)
    }

    /// What the options and the environment say together; options win over environment.
    func address(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) -> ServerAddress {
        if let socket { return .socket(socket) }
        if let data { return .socket(data + "/admin.sock") }
        if let url = url ?? environment["METER_URL"] {
            guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
                throw CommandFailure(.usage, "--url must begin with http:// or https://")
            }
            let path = keyFile ?? environment["METER_KEY_FILE"]
            let trimmed = url.hasSuffix("/") ? String(url.dropLast()) : url
            return .network(
                trimmed,
                key: try path.map { path throws(CommandFailure) in
                    try LocalFile.secret(path)
                }
            )
        }
        if let socket = environment["METER_ADMIN_SOCKET"] { return .socket(socket) }
        return .socket((environment["METER_DATA"] ?? "data") + "/admin.sock")
    }
}

/// How requests get to the server.
enum ServerAddress {
    case socket(String)
    case network(String, key: String?)

    /// For people.
    var text: String {
        switch self {
        case .socket(let path): path
        case .network(let url, _): url
        }
    }
}
