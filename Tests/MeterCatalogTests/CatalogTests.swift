import Foundation
import Meter
import MeterCatalog
import MeterTesting
import MeterWire
import Testing

@Suite struct CatalogTests {
    private func file(_ number: UInt64, _ seed: inout Seed) -> CatalogFile {
        let input = RandomBook.file(number, &seed)
        let components: [Name] = ["b", "a'", "c"]
        return CatalogFile(
            name: input.name,
            kind: input.isSegment ? "segment" : "journal",
            from: input.from,
            to: input.to,
            byteCount: input.byteCount,
            rowCount: input.isSegment ? input.byteCount : nil,
            minutes: input.isSegment ? Minute(rawValue: 5)...Minute(rawValue: 9) : nil,
            sums: zip(components, input.sums).map { component, sum in
                CatalogFile.Sum(component: component, sum: sum.sum, count: sum.count)
            }
        )
    }

    private func source(_ number: UInt64, _ seed: inout Seed) -> CatalogSource {
        let start = UInt64(seed.below(1000))
        return CatalogSource(
            key: SourceKey(
                principal: PrincipalID(rawValue: number % 3),
                source: SourceID(high: number, low: 1)
            ),
            firstSeen: Timestamp(milliseconds: Int64(number)),
            lastSeen: Timestamp(milliseconds: Int64(seed.below(1000))),
            watermark: seed.next(),
            holes: (0..<UInt64(seed.below(4))).map { start + $0 * 10..<start + $0 * 10 + 5 },
            givenUp: seed.oneIn(3) ? [1..<2] : [],
            state: seed.pick(["open", "ended"])
        )
    }

    @Test(arguments: 0..<12) func `following the book equals a rebuild, byte for byte`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        let world = try RandomBook()
        let path = world.directory.path + "/catalog.db"
        let (catalog, opening) = try Catalog.open(path)
        #expect(opening == .made)
        var files: [UInt64: CatalogFile] = [:]
        var sources: [SourceKey: CatalogSource] = [:]
        var applied = 0
        for _ in 0..<120 {
            try world.step(&seed)
            if seed.oneIn(4) {
                // Now and then some entries again, as after a crash between book and catalog.
                let start = max(0, applied - seed.below(3))
                try catalog.apply(book: Array(world.entries[start...]))
                applied = world.entries.count
            }
            if seed.oneIn(8) {
                let index = UInt64(seed.below(6))
                files[index] = seed.oneIn(3) ? nil : file(index, &seed)
                try catalog.apply(files: files.values.shuffled(using: &seed))
            }
            if seed.oneIn(8) {
                let changed = source(UInt64(seed.below(6)), &seed)
                if seed.oneIn(4) {
                    sources[changed.key] = nil
                    try catalog.apply(sources: [], forgotten: [changed.key])
                } else {
                    sources[changed.key] = changed
                    try catalog.apply(sources: [changed])
                }
            }
        }
        try catalog.apply(book: world.entries)
        #expect(try catalog.bookHead == world.book.state.head)
        let followed = try catalog.canonicalDump()

        let (other, _) = try Catalog.open(world.directory.path + "/other.db")
        let read = Entries()
        _ = try Book.read(try POSIXDisk(path: world.directory.path)) { read.list.append($0) }
        #expect(read.list.map(\.hash) == world.entries.map(\.hash))
        try other.rebuild(
            book: read.list,
            files: files.values.shuffled(using: &seed),
            sources: sources.values.shuffled(using: &seed)
        )
        #expect(try other.canonicalDump() == followed)
        try catalog.rebuild(
            book: world.entries,
            files: Array(files.values),
            sources: Array(sources.values)
        )
        #expect(try catalog.canonicalDump() == followed)
        #expect(try catalog.files().map(\.name) == files.values.map(\.name).sorted())
        try checkSubmissions(catalog, world.book.state)
        checkTables(followed, world.book.state)
    }

    private final class Entries {
        var list: [BookEntry] = []
    }

    /// What the book's state and the catalog both have is the same in both, folded by different code.
    private func checkTables(_ dump: String, _ state: BookState) {
        var tables: [Substring: Set<[String]>] = [:]
        var table: Substring = ""
        for line in dump.split(separator: "\n") {
            if let end = line.range(of: ": "), !line.contains(" | ") {
                table = line[..<end.lowerBound]
            } else {
                tables[table, default: []].insert(line.components(separatedBy: " | "))
            }
        }
        func column(_ table: Substring, _ columns: [Int]) -> Set<[String]> {
            Set((tables[table] ?? []).map { row in columns.map { row[$0] } })
        }
        func text(_ minute: Minute?) -> String { minute.map { "\($0.rawValue)" } ?? "NULL" }
        func text(_ time: Timestamp?) -> String { time.map { "\($0.milliseconds)" } ?? "NULL" }
        #expect(
            column("bindings", [0, 1, 2, 6, 7])
                == Set(
                    state.allBindings.map { binding in
                        [
                            "'\(binding.access)'", text(binding.from), text(binding.to),
                            "'\(binding.resource)'", "'\(binding.class.rawValue)'",
                        ]
                    }
                )
        )
        #expect(
            column("keys", [0, 6, 7])
                == Set(
                    state.keys.values.map { standing in
                        let ends = [standing.key.expires, standing.replacement?.ends]
                        return [
                            "'\(standing.key.id)'", text(ends.compactMap { $0 }.min()),
                            text(standing.revoked),
                        ]
                    }
                )
        )
        #expect(
            column("components", [3]).count
                == Set(state.components.values.map(\.unitsPerReported)).count
        )
        #expect(tables["components"]?.count ?? 0 == state.components.count)
        #expect(tables["accesses"]?.count ?? 0 == state.accesses.count)
        #expect(tables["principals"]?.count ?? 0 == state.principals.count)
        var periods: Set<[String]> = []
        for (key, resource) in state.resources {
            for period in resource.periods {
                periods.insert([
                    "'\(key.waldur)'", "'\(key.resource)'", "'\(period.id)'", text(period.start),
                    text(period.end),
                ])
            }
        }
        #expect(column("plan_periods", [0, 1, 2, 5, 6]) == periods)
        #expect(
            column("resources", [2, 3, 6])
                == Set(
                    state.resources.values.map { resource in
                        [
                            resource.offering.map { "'\($0)'" } ?? "NULL",
                            resource.customer.map { "'\($0)'" } ?? "NULL", text(resource.seen),
                        ]
                    }
                )
        )
    }

    /// The newest confirmed and the open rows are those that the book's state has.
    private func checkSubmissions(_ catalog: Catalog, _ state: BookState) throws {
        let told = state.submissions[RandomBook.month] ?? MonthSubmissions()
        let resources = Set(told.keys.map(\.resourceKey))
        for resource in resources {
            let rows = try catalog.submissions(of: resource, in: RandomBook.month)
            for (key, standing) in told[resource] {
                let own = rows.filter { $0.key == key }
                let confirmed = own.last { $0.state == .confirmed }
                #expect(confirmed?.number == standing.confirmed?.number)
                #expect(confirmed?.amount == standing.confirmed?.amount)
                #expect(confirmed?.total == standing.confirmed?.total)
                let open = own.filter { $0.settled == nil }
                #expect(open.map(\.number) == standing.open.map(\.number))
                #expect(open.map(\.position) == standing.open.map(\.position))
            }
        }
        #expect(!resources.isEmpty)
    }

    @Test func `a catalog that was deleted comes back the same`() throws {
        var seed = Seed(77)
        let world = try RandomBook()
        for _ in 0..<60 { try world.step(&seed) }
        let path = world.directory.path + "/catalog.db"
        var dumps: [String] = []
        for _ in 0..<2 {
            let (catalog, opening) = try Catalog.open(path)
            #expect(opening == .made)
            try catalog.apply(book: world.entries)
            dumps.append(try catalog.canonicalDump())
            try FileManager.default.removeItem(atPath: path)
        }
        #expect(dumps[0] == dumps[1] && dumps[0].utf8.count > 4000)
    }

    @Test func `a sound catalog is found again with what was in it`() throws {
        var seed = Seed(78)
        let world = try RandomBook()
        for _ in 0..<40 { try world.step(&seed) }
        let path = world.directory.path + "/catalog.db"
        let half = world.entries.count / 2
        var (catalog, _) = try Catalog.open(path)
        try catalog.apply(book: Array(world.entries.prefix(half)))
        let opening: Catalog.Opening
        (catalog, opening) = try Catalog.open(path)
        #expect(opening == .found)
        #expect(try catalog.bookHead == world.entries[half - 1].head)
        try catalog.apply(book: Array(world.entries.dropFirst(half)))
        #expect(try catalog.bookHead == world.book.state.head)
    }

    @Test func `what is no sound catalog is replaced by an empty one`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/catalog.db"
        func write(_ bytes: [UInt8]) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        }
        try write(Array("not a database at all, but longer than a page header ".utf8))
        guard case .replaced = try Catalog.open(path).opening else {
            Issue.record("garbage was taken for a catalog")
            return
        }
        var seed = Seed(79)
        let world = try RandomBook()
        for _ in 0..<60 { try world.step(&seed) }
        try Catalog.open(path).catalog.apply(book: world.entries)
        let sound = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        var replaced = 0
        for page in stride(from: 0, to: sound.count, by: 4096) {
            var damaged = sound
            for index in page..<page + 64 { damaged[index] = ~damaged[index] }
            try write(damaged)
            let (catalog, opening) = try Catalog.open(path)
            if case .replaced = opening {
                replaced += 1
                #expect(try catalog.bookHead == .empty)
            }
        }
        #expect(replaced > 5)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(throws: CatalogError.notRemovable(path: path, reason: "it is a directory")) {
            try Catalog.open(path)
        }
    }

    @Test func `entries that do not follow are refused and nothing of them stays`() throws {
        var seed = Seed(80)
        let world = try RandomBook()
        let other = try RandomBook()
        while world.entries.count < 20 { try world.step(&seed) }
        while other.entries.count < 20 { try other.step(&seed) }
        let (catalog, _) = try Catalog.open(world.directory.path + "/catalog.db")
        try catalog.apply(book: Array(world.entries.prefix(5)))
        let before = try catalog.canonicalDump()
        #expect(throws: CatalogError.bookGap(has: 5, given: 7)) {
            try catalog.apply(book: Array(world.entries[6...]))
        }
        #expect(throws: CatalogError.bookDiffers(at: 1)) {
            try catalog.apply(book: other.entries)
        }
        #expect(throws: CatalogError.bookDiffers(at: 5)) {
            try catalog.apply(book: Array(other.entries[5...]))
        }
        #expect(throws: CatalogError.bookGap(has: 10, given: 12)) {
            try catalog.apply(book: Array(world.entries[5..<10]) + world.entries[11...])
        }
        #expect(try catalog.canonicalDump() == before)
    }

    @Test func `the settings that durability rests on are in force`() throws {
        let directory = try TemporaryDirectory()
        let durability = try Catalog.open(directory.path + "/catalog.db").catalog.durability()
        #expect(durability.journalMode == "delete" && durability.synchronous == 3)
    }
}
