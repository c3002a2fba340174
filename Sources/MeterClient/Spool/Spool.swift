internal import MeterDisk
internal import MeterWire

/// The spool of one emitter: a bounded part of a directory that may be shared, for all of its sources.
package final class Spool {
    let directory: any SpoolDirectory
    let bootID: [UInt8]
    /// Whether the disk is waited for before anything is sent.
    let isSynced: Bool
    private let byteCountMax: Int
    /// Of every file that this emitter holds.
    var byteCount = 0
    /// Files of dead processes that did not hold what was written.
    var damagedFileCount: UInt64 = 0
    /// Times that the disk refused something.
    private(set) var failureCount: UInt64 = 0
    private(set) var lastFailure: DiskError?
    /// Sources whose files this process has or has looked at in vain.
    private var known: Set<SourceID> = []
    /// The source that was last taken over; those behind it come first.
    private var lastTaken = SourceID(high: 0, low: 0)

    package init(
        _ directory: any SpoolDirectory,
        bootID: [UInt8],
        byteCountMax: Int,
        isSynced: Bool
    ) {
        self.directory = directory
        self.bootID = bootID
        self.byteCountMax = byteCountMax
        self.isSynced = isSynced
    }

    var disk: any Disk { directory.disk }

    /// At which size a file is followed by the next.
    var fileByteCount: Int { max(4_096, min(1 << 20, byteCountMax / 16)) }

    /// Bytes that may be written until the bound.
    var remainingByteCount: Int { max(0, byteCountMax - byteCount) }

    func note(_ failure: DiskError) {
        failureCount += 1
        lastFailure = failure
    }

    /// The files of a source of this process; nil, and noted, if the disk refuses.
    func begin(_ source: SourceID) -> SourceSpool? {
        do throws(DiskError) {
            let lock = try directory.lock(source)
            known.insert(source)
            return SourceSpool(source, spool: self, lock: lock)
        } catch {
            note(error)
            return nil
        }
    }

    // MARK: What others have left

    /// The files of one source that nobody holds, in order, and the right to them; nil if there are none.
    func takeAbandoned() -> (spool: SourceSpool, names: [SpoolName])? {
        do throws(DiskError) {
            let unknown = try unknownSources().sorted()
            for source in unknown.filter({ $0 > lastTaken }) + unknown.filter({ $0 <= lastTaken }) {
                guard let lock = try lockIfFree(source) else { continue }
                known.insert(source)
                lastTaken = source
                let spool = SourceSpool(source, spool: self, lock: lock)
                // Listed again under the lock: its holder may have removed them meanwhile.
                let left = try disk.list().compactMap { SpoolName($0) }
                    .filter { $0.source == source }.sorted { $0.number < $1.number }
                if !left.isEmpty { return (spool, left) }
                spool.removeAll()
            }
        } catch {
            note(error)
        }
        return nil
    }

    /// Lets a source go that was taken over, with its files as they are: it comes again after all others.
    func giveBack(_ source: SourceID) { known.remove(source) }

    /// Whether there are files of a source that this process has not looked at.
    var hasUnknownSources: Bool {
        do throws(DiskError) {
            return try !unknownSources().isEmpty
        } catch {
            note(error)
            return false
        }
    }

    private func unknownSources() throws(DiskError) -> Set<SourceID> {
        Set(try disk.list().compactMap { SpoolName($0)?.source }).subtracting(known)
    }

    /// All bytes of a file.
    func read(_ name: SpoolName) throws(DiskError) -> [UInt8] {
        let file = try disk.open(name.text)
        return try Self.bytes(of: file, at: 0, count: file.byteCount())
    }

    private func lockIfFree(_ source: SourceID) throws(DiskError) -> (any SpoolLock)? {
        do throws(DiskError) {
            return try directory.lock(source)
        } catch {
            if case .locked = error.reason { return nil }
            throw error
        }
    }

    static func bytes(
        of file: any DiskFile,
        at offset: Int,
        count: Int
    ) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        var failure: DiskError?
        unsafe bytes.withUnsafeMutableBytes { target in
            do throws(DiskError) {
                filled = try unsafe file.read(at: offset, into: target)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return Array(bytes[..<filled])
    }
}
