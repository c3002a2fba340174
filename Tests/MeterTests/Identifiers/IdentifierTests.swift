import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct IdentifierTests {
    private func entry(_ random: inout Seed, among count: Int) -> IdentifierEntry {
        IdentifierEntry(
            hash: hash(random.below(count)),
            content: random.next(),
            received: Minute(rawValue: UInt32(1000 + random.below(100))),
            disposition: UInt8(random.below(4))
        )
    }

    /// A uniform hash of a small number; some differ in the lowest bits only.
    private func hash(_ number: Int) -> IdentifierHash {
        var mixer = Seed(UInt64(number / 3))
        let high = UInt128(mixer.next()) << 64
        return IdentifierHash(rawValue: high | UInt128(mixer.next() &+ UInt64(number % 3)))
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `what was inserted is found through flushes and merges, and nothing else`(
        seed: UInt64
    ) throws {
        var random = Seed(seed)
        let disk = MemoryDisk()
        let idCount = 1 + random.below(seed % 5 == 0 ? 5000 : 800)
        var index = IdentifierIndex()
        var model: [IdentifierHash: IdentifierEntry] = [:]
        var since = Minute(rawValue: 0)
        var position: UInt64 = 0
        for _ in 0..<2 + random.below(8) {
            for _ in 0..<random.below(idCount) {
                let entry = entry(&random, among: idCount)
                if try index.entry(entry.hash, receivedSince: since) == nil {
                    index.insert(entry, of: PrincipalID(rawValue: 1))
                    model[entry.hash] = entry
                }
            }
            if random.oneIn(3) {
                since = max(since, Minute(rawValue: UInt32(1000 + random.below(60))))
            }
            if random.oneIn(2) {
                let table = index.beginFlush()
                let late = entry(&random, among: 3 * idCount)
                if try index.entry(late.hash, receivedSince: since) == nil {
                    index.insert(late, of: PrincipalID(rawValue: 1))
                    model[late.hash] = late
                }
                try check(index, model, since, idCount)
                let span = JournalSpan(from: position, to: position + 7)
                position += 7
                index.endFlush(try IdentifierFile.write(table, span: span, to: disk))
            }
            if index.files.count > 1, random.oneIn(2) {
                let start = random.below(index.files.count - 1)
                let inputs = Array(index.files[start...].prefix(2 + random.below(3)))
                let merged = try IdentifierFile.merge(inputs, receivedSince: since, to: disk)
                try merged.verify()
                index.replace(inputs, by: merged)
            }
            try check(index, model, since, idCount)
        }
        let reopened = try index.files.map { try IdentifierFile.open($0.name, on: disk) }
        for (again, file) in zip(reopened, index.files) {
            #expect(again.entryCount == file.entryCount)
            try again.verify()
        }
    }

    private func check(
        _ index: IdentifierIndex,
        _ model: [IdentifierHash: IdentifierEntry],
        _ since: Minute,
        _ idCount: Int
    ) throws {
        for number in stride(from: 0, to: 3 * idCount, by: 1 + idCount / 300) {
            let expected = model[hash(number)].flatMap { $0.received >= since ? $0 : nil }
            #expect(try index.entry(hash(number), receivedSince: since) == expected)
        }
    }

    @Test func `a merge leaves out what is past the horizon`() throws {
        let disk = MemoryDisk()
        var random = Seed(5)
        var table = IdentifierTable()
        for _ in 0..<3000 { table.insert(entry(&random, among: 4000)) }
        let first = try IdentifierFile.write(
            table,
            span: JournalSpan(from: 0, to: 5),
            to: disk
        )
        let second = try IdentifierFile.write(
            IdentifierTable(),
            span: JournalSpan(from: 5, to: 9),
            to: disk
        )
        let horizon = Minute(rawValue: 1050)
        let merged = try IdentifierFile.merge([first, second], receivedSince: horizon, to: disk)
        try merged.verify()
        var kept: UInt64 = 0
        for number in 0..<4000 {
            let before = try first.entry(hash(number))
            let after = try merged.entry(hash(number))
            #expect(after == before.flatMap { $0.received >= horizon ? $0 : nil })
            kept += after == nil ? 0 : 1
        }
        #expect(merged.entryCount == kept)
        #expect(kept > 0 && kept < first.entryCount)
        let none = try IdentifierFile.merge(
            [merged],
            receivedSince: Minute(rawValue: 5000),
            to: disk
        )
        #expect(none.entryCount == 0)
    }

    @Test func `most absent ids are refused without a read`() throws {
        let disk = MemoryDisk()
        var table = IdentifierTable()
        for number in 0..<3000 {
            table.insert(
                IdentifierEntry(
                    hash: hash(3 * number),
                    content: 1,
                    received: Minute(rawValue: 9)
                )
            )
        }
        let file = try IdentifierFile.write(table, span: JournalSpan(from: 0, to: 5), to: disk)
        // With every block damaged, only a lookup that reads one fails.
        for block in 0..<6 { disk.flip(bit: 8 * (24 + block * 512 * 29), of: file.name) }
        var failures = 0
        for number in 0..<3000 {
            do throws(SealedFileError) {
                #expect(try file.entry(hash(3 * (number + 10_000))) == nil)
            } catch { failures += 1 }
        }
        #expect(failures < 60)
        #expect(throws: SealedFileError.self) { try file.entry(hash(0)) }
    }

    @Test func `every flipped byte of an id file is detected`() throws {
        let disk = MemoryDisk()
        var random = Seed(8)
        var table = IdentifierTable()
        for _ in 0..<30 { table.insert(entry(&random, among: 100)) }
        let span = JournalSpan(from: 0, to: 5)
        let name = try IdentifierFile.write(table, span: span, to: disk).name
        #expect(try DataFileVerification.report(on: name, disk).isSound)
        for byte in 0..<disk[name].count {
            let bit = 8 * byte + random.below(8)
            disk.flip(bit: bit, of: name)
            do throws(SealedFileError) {
                _ = try IdentifierFile.open(name, on: disk)
                #expect(try !DataFileVerification.report(on: name, disk).isSound)
            } catch {
                #expect(!error.description.isEmpty)
            }
            disk.flip(bit: bit, of: name)
        }
    }

    @Test func `a table keeps the newest of equal hashes`() {
        var table = IdentifierTable()
        for round in 0..<3 as Range<UInt64> {
            for number in 0..<500 {
                table.insert(
                    IdentifierEntry(
                        hash: hash(number),
                        content: round,
                        received: Minute(rawValue: 1)
                    )
                )
            }
        }
        #expect(table.count == 500)
        #expect((0..<500).allSatisfy { table[hash($0)]?.content == 2 })
        #expect(table[hash(500)] == nil)
    }
}
