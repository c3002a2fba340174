internal import ArgumentParser
internal import FoundationEssentials

/// Where the server is, and how to get in.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server's administration socket.",
            discussion: "Otherwise METER_ADMIN_SOCKET, or admin.sock in --data.",
            valueName: "path"
        )
    )
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The server's data directory, in which its administration socket is.",
            discussion: "Otherwise METER_DATA, or ./data.",
            valueName: "directory"
        )
    )
    var data: String?

    @Option(
        help: ArgumentHelp(
            "A server over TCP, such as http://127.0.0.1:7480; needs --key-file.",
            discussion: "Otherwise METER_URL.",
            valueName: "url"
        )
    )
    var url: String?

    @Option(
        help: ArgumentHelp(
            "A file that holds an HTTP key (mtr_http_...).",
            discussion: "Otherwise METER_KEY_FILE.",
            valueName: "path"
        )
    )
    var keyFile: String?

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
