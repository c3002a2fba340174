internal import NIOSSL
internal import Synchronization

/// The certificate in force, replaced as a whole when its files change. Connections keep the one that they
/// were made with; the next handshake takes the new one.
final class TLSIdentity: Sendable {
    private struct State {
        var contents: TLSFiles.Contents
        /// What was looked at last, whether it could be used or not.
        var seen: [UInt8]
    }

    /// What a look at the files found.
    enum Reload {
        case unchanged
        case replaced(description: String)
        /// The certificate in force stays.
        case failed(TLSFiles.Failure)
    }

    private let files: TLSFiles
    private let state: Mutex<State>

    /// - Throws: Where the files cannot be used.
    init(_ files: TLSFiles) throws(TLSFiles.Failure) {
        self.files = files
        let contents = try files.load()
        state = Mutex(State(contents: contents, seen: contents.fingerprint))
    }

    /// For the next handshake.
    var context: NIOSSLContext { state.withLock { $0.contents.context } }

    /// Seconds since 1970 from which on clients refuse the certificate.
    var notAfter: Int64 { state.withLock { $0.contents.notAfter } }

    /// What the certificate says of itself.
    var description: String { state.withLock { $0.contents.description } }

    /// Reads the files again if they changed since the last look, or if `always`.
    func reload(always: Bool = false) -> Reload {
        let found = try? files.fingerprint()
        if !always, let found, state.withLock({ $0.seen == found }) { return .unchanged }
        // Half of a change is tried again with the other half, and not before. Files that cannot be read are
        // taken for changed until they can, also where they come back as they were.
        state.withLock { $0.seen = found ?? [] }
        do throws(TLSFiles.Failure) {
            let contents = try files.load()
            state.withLock { $0 = State(contents: contents, seen: contents.fingerprint) }
            return .replaced(description: contents.description)
        } catch {
            return .failed(error)
        }
    }
}
