internal import MeterWire

extension DetailsFile {
    /// What the file alone answers to a query; what cannot be read is left out, and named in the second part.
    package func answer(
        _ query: DetailsQuery
    ) -> (totals: [DetailsGroup: DetailsTotal], missing: [String]) {
        var accumulator = DetailsAccumulator(query)
        let missing = scan(into: &accumulator, [])
        return (accumulator.finish(), missing)
    }

    /// Adds the rows that a query asks for, reading only the blocks in which there can be any.
    ///
    /// What cannot be read contributes nothing and is named; the rest is added all the same.
    ///
    /// - Parameter erasures: Those that the file needs and has not had yet.
    /// - Returns: What is missing from the answer, in words; empty if it is complete.
    /// - Complexity: O(rows of the blocks read).
    func scan(
        into accumulator: inout DetailsAccumulator, _ erasures: [DetailsErasure]
    ) -> [String] {
        guard footer.rowCount > 0,
            !accumulator.isOutside(first: footer.firstQuarter, last: footer.lastQuarter)
        else { return [] }
        var missing: [String] = []
        do throws(SealedFileError) {
            var scan = try DetailsScan(self, erasures, &accumulator)
            for block in scan.blocks(accumulator) {
                do throws(SealedFileError) {
                    try scan.add(block, to: &accumulator)
                } catch { missing.append(error.description) }
            }
        } catch { missing.append(error.description) }
        return missing
    }
}

/// One query's way through a file.
private struct DetailsScan {
    private static let unresolved: Int32 = -2

    private let file: DetailsFile
    private var modelNames: PagedNamesReader<Name>
    private var userNames: PagedNamesReader<Name>
    /// The groups of the series from `seriesFirst` on; all others are unwanted.
    private var seriesFirst = 0
    private var series: [Int32] = []
    /// By index + 1; 0 is none.
    private var models: [Int32]
    private var users: [Int32]
    private let components: [Int32]
    private let erasures: ErasureMap
    private let erasedUser: Int32

    init(
        _ file: DetailsFile, _ erasures: [DetailsErasure],
        _ accumulator: inout DetailsAccumulator
    ) throws(SealedFileError) {
        self.file = file
        self.erasures = try ErasureMap(
            accumulator.needsUserNames ? erasures : [], of: file)
        erasedUser = accumulator.register(user: .erasedDetails)
        modelNames = file.modelReader
        userNames = file.userReader
        models = [Int32](repeating: Self.unresolved, count: file.modelCount + 1)
        users = [Int32](repeating: Self.unresolved, count: file.userCount + 1)
        if !accumulator.needsModelNames {
            models = [Int32](
                repeating: accumulator.register(model: nil), count: file.modelCount + 1)
        }
        if !accumulator.needsUserNames {
            users = [Int32](
                repeating: accumulator.register(user: nil), count: file.userCount + 1)
        }
        components = accumulator.register(components: file.totals.map(\.component))
        try registerSeries(&accumulator)
    }

    private mutating func registerSeries(
        _ accumulator: inout DetailsAccumulator
    ) throws(SealedFileError) {
        var names = file.seriesReader
        let query = accumulator.query
        let ranges = try names.ranges(tenants: query.tenants, agents: query.agents)
        guard let first = ranges.first?.lowerBound, let end = ranges.last?.upperBound else {
            return
        }
        seriesFirst = first
        series = [Int32](repeating: DetailsAccumulator.unwanted, count: end - first)
        for range in ranges {
            for index in range {
                series[index - first] =
                    accumulator.needsSeriesNames
                    ? accumulator.register(series: try names.name(at: index))
                    : accumulator.registerAnySeries()
            }
        }
    }

    private func group(ofSeries index: UInt64) -> Int32 {
        let place = Int(truncatingIfNeeded: index) - seriesFirst
        return series.indices.contains(place) ? series[place] : DetailsAccumulator.unwanted
    }

    /// The blocks in which there can be wanted rows.
    func blocks(_ accumulator: DetailsAccumulator) -> [Int] {
        let zones = file.footer.blocks
        let end = seriesFirst + series.count
        let first = zones.partitioningIndex { Int($0.lastSeries) >= seriesFirst }
        return (first..<zones.count)
            .prefix { Int(zones[$0].firstSeries) < end }
            .filter { block in
                let zone = zones[block]
                if accumulator.isOutside(first: zone.firstQuarter, last: zone.lastQuarter) {
                    return false
                }
                let wanted =
                    max(Int(zone.firstSeries), seriesFirst)...min(Int(zone.lastSeries), end - 1)
                return wanted.contains {
                    series[$0 - seriesFirst] != DetailsAccumulator.unwanted
                }
            }
    }

    mutating func add(
        _ block: Int, to accumulator: inout DetailsAccumulator
    ) throws(SealedFileError) {
        let columns = try file.columns(ofBlock: block)
        let histograms =
            accumulator.query.wantsHistograms ? try file.histograms(ofBlock: block) : nil
        try resolveNames(columns, &accumulator)
        for row in 0..<columns.rowCount {
            let series = group(ofSeries: columns.series[row])
            if series == DetailsAccumulator.unwanted { continue }
            let key = columns.key(row)
            let user = erasures.user(key.user, ofSeries: key.series)
            guard
                let group = accumulator.add(
                    series: series, model: models[Int(key.model)],
                    user: user == erasures.erased ? erasedUser : users[Int(user)],
                    outcome: key.outcome, quarter: key.quarter, calls: columns.calls[row],
                    latest: UInt32(truncatingIfNeeded: columns.latest[row]))
            else { continue }
            for amount in columns.amountStarts[row]..<columns.amountStarts[row + 1] {
                accumulator.add(
                    UsageTotal(sum: columns.sum(amount), count: columns.counts[amount]),
                    component: components[Int(columns.components[amount])], to: group)
            }
            guard let histograms else { continue }
            for index in histograms.durations(row) {
                accumulator.add(
                    duration: Int(histograms.buckets[index]), count: histograms.counts[index],
                    to: group)
            }
            for index in histograms.tokens(row) {
                accumulator.add(
                    tokens: Int(histograms.buckets[index]), count: histograms.counts[index],
                    to: group)
            }
        }
    }

    /// Finds the groups of the models and users of a block's wanted rows. Nothing is added before all of
    /// them are known, so that a page that cannot be read leaves out a block and not a part of it.
    private mutating func resolveNames(
        _ columns: DetailColumns, _ accumulator: inout DetailsAccumulator
    ) throws(SealedFileError) {
        guard accumulator.needsModelNames || accumulator.needsUserNames else { return }
        for row in 0..<columns.rowCount
        where group(ofSeries: columns.series[row]) != DetailsAccumulator.unwanted {
            let model = Int(columns.models[row])
            if models[model] == Self.unresolved {
                let name = model == 0 ? nil : try modelNames.name(at: model - 1)
                models[model] = accumulator.register(model: name)
            }
            let user = Int(columns.users[row])
            if users[user] == Self.unresolved {
                let name = user == 0 ? nil : try userNames.name(at: user - 1)
                users[user] = accumulator.register(user: name)
            }
        }
    }
}

extension LiveCounters {
    /// Adds the details that a query wants, visiting only series of its tenants and agents.
    func addDetails(to accumulator: inout DetailsAccumulator, _ erasures: [DetailsErasure]) {
        let components = accumulator.register(components: names.componentNames)
        let query = accumulator.query
        names.forEachSeries(tenants: query.tenants, agents: query.agents) { number in
            let name = names.seriesName(number)
            let series = accumulator.register(series: name)
            if series == DetailsAccumulator.unwanted { return }
            details.rows.forEachRow(ofSeries: number) { place, row in
                var user = accumulator.needsUserNames ? details.userName(row.key.user) : nil
                if erasures.contains(where: { $0.tenant == name.tenant && $0.user == user }) {
                    user = .erasedDetails
                }
                let model = accumulator.needsModelNames ? details.modelName(row.key.model) : nil
                let added = accumulator.add(
                    series: series, model: accumulator.register(model: model),
                    user: accumulator.register(user: user), outcome: row.key.outcome,
                    quarter: row.key.quarter.rawValue, calls: row.state.calls,
                    latest: row.state.latest)
                guard let group = added else { return }
                details.rows.forEachCell(of: place) { component, sum, count in
                    accumulator.add(
                        UsageTotal(sum: UInt128(sum), count: count),
                        component: components[Int(component)], to: group)
                }
                guard query.wantsHistograms else { return }
                details.forEachBucket(
                    of: row.state,
                    durations: { accumulator.add(duration: $0, count: $1, to: group) },
                    tokens: { accumulator.add(tokens: $0, count: $1, to: group) })
            }
        }
    }
}
