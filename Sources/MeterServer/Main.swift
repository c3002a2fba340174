internal import FoundationEssentials
internal import Glibc
internal import Logging

/// `MeterServer [run] [flags]`, `MeterServer config check|show [flags]`, `MeterServer health [flags]`,
/// `MeterServer --help|--version`.
@main
struct Main {
    static func main() async {
        let code = await run(Array(CommandLine.arguments.dropFirst()))
        exit(code.rawValue)
    }

    static func run(_ arguments: [String]) async -> ExitCode {
        var arguments = arguments[...]
        if arguments.contains("--help") || arguments.contains("-h") || arguments.first == "help" {
            print(HelpText.text)
            return .stopped
        }
        if arguments.contains("--version") || arguments.first == "version" {
            print("MeterServer \(Build.version)")
            return .stopped
        }
        var command = "run"
        if let word = arguments.first, word == "run" || word == "health" {
            command = word
            arguments = arguments.dropFirst()
        } else if arguments.first == "config", let word = arguments.dropFirst().first {
            command = "config \(word)"
            arguments = arguments.dropFirst(2)
        }
        do {
            let values = try await ConfigurationValues(
                arguments: Array(arguments),
                environment: ProcessInfo.processInfo.environment
            )
            switch command {
            case "run": return await start(try ServerConfiguration(values))
            case "health": return try health(values)
            case "config check":
                _ = try ServerConfiguration(values)
                print("the configuration is good")
            case "config show": print(HelpText.values(values))
            default:
                throw ConfigurationError(
                    key: command,
                    problem: "no such command; config check and config show are"
                )
            }
            return .stopped
        } catch {
            complain("\(error)")
            return .configuration
        }
    }

    /// What `/healthz` of the server with these settings says, for those who can run a program and not
    /// ask over HTTP.
    private static func health(_ values: ConfigurationValues) throws -> ExitCode {
        guard let socket = ServerConfiguration.adminSocket(values) else {
            throw values.error(Settings.data, "needs the directory of the server to ask")
        }
        switch HTTPProbe(path: socket).ask("/healthz") {
        case .answered(status: 200):
            print("alive")
            return .stopped
        case .answered: complain("parts of the server at \(socket) do not move on; see its log")
        case .silent: complain("the server at \(socket) does not answer")
        case .unasked: complain("no server at \(socket)")
        }
        return .failed
    }

    private static func start(_ configuration: ServerConfiguration) async -> ExitCode {
        let format = configuration.logFormat
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, format: format, level: level)
        }
        do {
            return try await Server.run(configuration)
        } catch let error as StartError {
            complain(error.description)
            return error.exitCode
        } catch {
            complain("\(error)")
            return .failed
        }
    }

    private static func complain(_ line: String) {
        let bytes = Array("MeterServer: \(line)\n".utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// What is said of this build.
enum Build {
    static let version = "0.1.0"
}
