/// One file of the journal whose header could be read.
struct JournalFile: Sendable {
    let name: String
    let header: JournalFileHeader
    /// Where the file ends because the next one says so; nil for the newest.
    var end: UInt64?
}

/// What a directory holds of a journal, from the files' names and headers alone.
struct JournalFiles: Sendable {
    /// Ours, oldest first, each with its end.
    var files: [JournalFile] = []
    /// Higher than that of any file, ours or not.
    var nextNumber: UInt64 = 1
    /// Leftovers of files that were never finished.
    var unfinished: [String] = []
    var keptAside: [String] = []
    /// What is wrong with headers. Ranges are empty where they cannot be known.
    var damaged: [JournalDamage] = []
    /// The newest file by number, when its header cannot be read though it holds more than a header.
    var headless: (name: String, byteCount: UInt64)?
    /// The newest file by number, when it holds no more than a torn header: it was never used.
    var stillborn: [String] = []

    static let unfinishedSuffix = ".new"
    static let keptSuffix = ".torn"

    static func name(_ number: UInt64) -> String {
        let digits = String(number)
        return "journal-" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    }

    static func number(in name: some StringProtocol) -> UInt64? {
        guard name.hasPrefix("journal-"), let number = UInt64(name.dropFirst(8)),
            Self.name(number) == name, number < 1 << 62
        else { return nil }
        return number
    }

    /// Reads the header of every file of the journal in the directory.
    ///
    /// - Throws: `.disk` also if a header cannot be read: whether the file matters is not known then, and
    ///   going on without it could bury acknowledged records.
    static func read(_ disk: any Disk) throws(JournalError) -> JournalFiles {
        var found = JournalFiles()
        var numbers: [UInt64] = []
        do throws(DiskError) {
            for name in try disk.list() {
                if let number = number(in: name) {
                    numbers.append(number)
                } else if isOurs(name, suffix: unfinishedSuffix) {
                    found.unfinished.append(name)
                } else if isOurs(name, suffix: keptSuffix) {
                    found.keptAside.append(name)
                }
            }
        } catch {
            throw .disk(error)
        }
        numbers.sort()
        found.keptAside.sort()
        for number in numbers {
            try found.add(number, isNewest: number == numbers.last, disk)
            found.nextNumber = number + 1
        }
        found.dropForeign()
        found.close()
        return found
    }

    /// Where reading of the file at `index` ends, if the newest ends at `newestEnd`.
    func end(_ index: Int, newestEnd: UInt64) -> UInt64 {
        max(files[index].end ?? newestEnd, files[index].header.start)
    }

    private static func isOurs(_ name: String, suffix: String) -> Bool {
        guard name.hasSuffix(suffix) else { return false }
        let stem = name.dropLast(suffix.count)
        if number(in: stem) != nil { return true }
        return suffix == unfinishedSuffix && isOurs(String(stem), suffix: keptSuffix)
    }

    private mutating func add(
        _ number: UInt64,
        isNewest: Bool,
        _ disk: any Disk
    ) throws(JournalError) {
        let name = Self.name(number)
        let byteCount: Int
        let sectors: [JournalFileHeader.Reading]
        let isReadable: Bool
        do throws(DiskError) {
            let file = try disk.open(name)
            byteCount = try file.byteCount()
            (sectors, isReadable) = try Self.sectors(of: file)
        } catch {
            throw .disk(error)
        }
        for case .otherVersion(let version) in sectors {
            throw .otherVersion(file: name, version: version)
        }
        var header: JournalFileHeader?
        for case .header(let copy) in sectors where header?.number != number {
            header = copy
        }
        if let header, header.number == number {
            if sectors[0] != sectors[1] {
                damaged.append(
                    JournalDamage(
                        file: name,
                        from: header.start,
                        to: header.start,
                        cause: isReadable ? .header : .unreadable
                    )
                )
            }
            files.append(JournalFile(name: name, header: header))
            return
        }
        let place = files.last?.header.start ?? 0
        damaged.append(
            JournalDamage(
                file: name,
                from: place,
                to: place,
                cause: header == nil ? .header : .foreign
            )
        )
        guard isNewest, header == nil else { return }
        if byteCount > JournalFormat.headerBytes {
            headless = (name, UInt64(byteCount - JournalFormat.headerBytes))
        } else {
            stillborn.append(name)
        }
    }

    /// The copies of the header. An unreadable sector counts as damaged if the other one is well.
    private static func sectors(
        of file: any DiskFile
    ) throws(DiskError) -> (sectors: [JournalFileHeader.Reading], isReadable: Bool) {
        var sectors: [JournalFileHeader.Reading] = []
        var failure: DiskError?
        for start in stride(from: 0, to: JournalFormat.headerBytes, by: JournalFormat.sectorBytes) {
            var bytes = [UInt8](repeating: 0, count: JournalFormat.sectorBytes)
            var count = 0
            unsafe bytes.withUnsafeMutableBytes { target in
                do throws(DiskError) {
                    count = try unsafe file.read(at: start, into: target)
                } catch {
                    failure = error
                }
            }
            sectors.append(JournalFileHeader.decode(bytes[..<count]))
        }
        if let failure, sectors.allSatisfy({ $0 == .damaged }) { throw failure }
        return (sectors, failure == nil)
    }

    /// Drops files of another journal: those that do not carry the id that most do, the oldest deciding
    /// a draw.
    private mutating func dropForeign() {
        var counts: [UInt64: Int] = [:]
        for file in files { counts[file.header.journalID, default: 0] += 1 }
        guard counts.count > 1, let most = counts.values.max(),
            let ours = files.first(where: { counts[$0.header.journalID] == most })
        else { return }
        for file in files where file.header.journalID != ours.header.journalID {
            damaged.append(
                JournalDamage(
                    file: file.name,
                    from: file.header.start,
                    to: file.header.start,
                    cause: .foreign
                )
            )
        }
        files.removeAll { $0.header.journalID != ours.header.journalID }
    }

    /// Gives every file but the newest its end: the smallest start of the files after it.
    fileprivate mutating func close() {
        var end: UInt64?
        for index in files.indices.reversed() {
            files[index].end = end
            end = min(end ?? .max, files[index].header.start)
        }
    }

    /// The file that holds the byte before `start`, as the next header names it.
    func previous(of start: UInt64) -> (number: UInt64, id: UInt64) {
        let last = files.last { $0.header.start < start }
        return (last?.header.number ?? 0, last?.header.fileID ?? 0)
    }

    /// Whether the file at `index` is the one that the file after it was written after.
    func isReplaced(_ index: Int) -> Bool {
        guard let end = files[index].end, end > files[index].header.start else { return false }
        let next = files[(index + 1)...].first { $0.header.start == end }
        guard let next, next.header.previousNumber == files[index].header.number else {
            return false
        }
        return next.header.previousID != files[index].header.fileID
    }
}

extension JournalFiles {
    mutating func add(_ file: JournalFile) {
        files.append(file)
        close()
    }

    mutating func removeFirst() { files.removeFirst() }
}
