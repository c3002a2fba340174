internal import MeterWire

/// Makes a details file of the rows of a source.
enum DetailsWriting {
    /// Where and how a file is written.
    struct Target {
        var span: JournalSpan
        var disk: any Disk
        /// Rows of earlier quarter hours are left out.
        var retainedFrom = QuarterHour(rawValue: 0)
        /// The number of the book's entry up to which the source's rows had erasures applied.
        var erasedThrough: UInt64 = 0
        /// The file takes the place of one of the same name.
        var isReplacement = false
    }

    /// Writes a file, complete, synced, read back and named when this returns; with the names that its rows
    /// refer to and no others.
    ///
    /// - Parameter expected: What the source's rows must add up to.
    /// - Complexity: O(rows), read twice; memory for the names, a block, and the rows of one series and
    ///   quarter hour.
    static func write(
        _ source: inout some DetailSource, _ target: Target, expected: DetailExpectation
    ) throws(SealedFileError) -> DetailsFile {
        let use = try NameUse(&source, retainedFrom: target.retainedFrom)
        var writer = try DetailsWriter(
            names: use.names(of: source.names), target: target)
        try source.rewind()
        var rows: [DetailRow] = []
        var dropped = DetailSums()
        while try source.next(into: &rows, withHistograms: true) {
            if rows[0].key.quarter < target.retainedFrom.rawValue {
                for row in rows { dropped.add(row, source.names) }
                continue
            }
            for index in rows.indices { use.translate(&rows[index]) }
            rows.coalesce()
            try writer.append(rows)
        }
        var found = writer.sums
        found += dropped
        guard expected.isMet(by: found) else { throw .sumsDiffer(file: writer.name) }
        return try writer.finish()
    }

    /// Which names rows refer to, and their places among those alone.
    private struct NameUse {
        private var series: [UInt32]
        private var models: [UInt32]
        private var users: [UInt32]
        private var components: [UInt32]
        private static let unused = UInt32.max

        init(
            _ source: inout some DetailSource, retainedFrom: QuarterHour
        ) throws(SealedFileError) {
            series = Self.none(source.names.series.count)
            // Models and users are numbered from 1 on; 0 stays.
            models = Self.none(source.names.models.count + 1)
            users = Self.none(source.names.users.count + 1)
            components = Self.none(source.names.components.count)
            models[0] = 0
            users[0] = 0
            try source.rewind()
            var rows: [DetailRow] = []
            while try source.next(into: &rows, withHistograms: false) {
                for row in rows where row.key.quarter >= retainedFrom.rawValue {
                    series[Int(row.key.series)] = 0
                    models[Int(row.key.model)] = 0
                    users[Int(row.key.user)] = 0
                    for amount in row.amounts { components[Int(amount.component)] = 0 }
                }
            }
            for list in [\NameUse.series, \.models, \.users, \.components] {
                var next: UInt32 = 0
                for index in self[keyPath: list].indices
                where self[keyPath: list][index] != Self.unused {
                    self[keyPath: list][index] = next
                    next += 1
                }
            }
        }

        private static func none(_ count: Int) -> [UInt32] {
            [UInt32](repeating: unused, count: count)
        }

        func names(of all: DetailNames) -> DetailNames {
            DetailNames(
                series: Self.used(all.series, series),
                models: Self.used(all.models, Array(models[1...])),
                users: Self.used(all.users, Array(users[1...])),
                components: Self.used(all.components, components))
        }

        private static func used<Element>(
            _ names: [Element], _ places: [UInt32]
        ) -> [Element] {
            zip(names, places).filter { $0.1 != unused }.map(\.0)
        }

        func translate(_ row: inout DetailRow) {
            row.key.series = series[Int(row.key.series)]
            row.key.model = models[Int(row.key.model)]
            row.key.user = users[Int(row.key.user)]
            for index in row.amounts.indices {
                row.amounts[index].component = components[Int(row.amounts[index].component)]
            }
        }
    }
}

extension DetailSums {
    fileprivate mutating func add(_ row: DetailRow, _ names: DetailNames) {
        calls = calls.addingClamped(row.calls)
        for entry in row.durations { durations = durations.addingClamped(entry.count) }
        for entry in row.tokens { tokens = tokens.addingClamped(entry.count) }
        for amount in row.amounts {
            components[names.components[Int(amount.component)], default: UsageTotal()]
                .add(amount.total)
        }
    }
}
