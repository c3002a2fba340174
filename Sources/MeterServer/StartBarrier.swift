internal import FoundationEssentials
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// Knows when everything is open: then the server is ready and says where it listens. The first to
/// hear of a stop: then the server is ready no more.
final class StartBarrier: Service, Sendable {
    private struct State {
        var addresses: [String: String]
        var missing: Set<String>
    }

    private let context: ServerContext
    private let manager: ServiceManager?
    private let state: Mutex<State>

    init(context: ServerContext, doors: Doors, manager: ServiceManager?) {
        self.context = context
        self.manager = manager
        var addresses = doors.streams?.addresses ?? [:]
        addresses["udp"] = doors.datagrams?.address
        var missing: Set<String> = ["admin"]
        if context.configuration.http != nil { missing.insert(Settings.http.path) }
        if context.configuration.https != nil { missing.insert(Settings.https.path) }
        state = Mutex(State(addresses: addresses, missing: missing))
    }

    /// A listener was bound.
    func opened(_ name: String, at address: String) {
        let addresses: [String: String]? = state.withLock { state in
            state.addresses[name] = address
            guard state.missing.remove(name) != nil, state.missing.isEmpty else { return nil }
            return state.addresses
        }
        guard let addresses else { return }
        context.readiness.clear(.starting)
        context.logger.notice(
            "ready",
            metadata: .init(uniqueKeysWithValues: addresses.map { ($0, .string($1)) })
        )
        writePortFile(addresses)
        tell(.ready, .status("ready"))
    }

    func run() async throws {
        try? await gracefulShutdown()
        context.readiness.set(.stopping, "the server was asked to stop")
        tell(.stopping, .status("stopping: the last acknowledgements are given"))
    }

    private func tell(_ message: ServiceManager.Message, _ status: ServiceManager.Message) {
        do throws(SystemCallError) {
            try manager?.tell(message, status)
        } catch {
            context.logger.error(
                "the service manager could not be told",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private func writePortFile(_ addresses: [String: String]) {
        guard let path = context.configuration.portFile else { return }
        let fields = addresses.sorted { $0.key < $1.key }.map {
            LineLogHandler.jsonText($0.key) + ":" + LineLogHandler.jsonText($0.value)
        }
        do {
            // Whole or not there: who waits for the file may read it at once.
            try Data(("{" + fields.joined(separator: ",") + "}\n").utf8)
                .write(to: URL(filePath: path), options: .atomic)
        } catch {
            context.logger.error(
                "the port file could not be written",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
