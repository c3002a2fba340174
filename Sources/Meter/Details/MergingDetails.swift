internal import MeterWire

/// The rows of several details files as one source; one block of each file is in memory, and all names.
struct MergingDetails: DetailSource {
    /// Where one file is read.
    private struct Cursor {
        let file: DetailsFile
        /// What the file's indexes are among all names.
        let series: [UInt32]
        let models: [UInt32]
        let users: [UInt32]
        let components: [UInt32]
        let erasures: ErasureMap
        var nextBlock = 0
        var columns: DetailColumns?
        var histograms: DetailHistograms?
        var row = 0

        /// Of the row that comes next, among all names; nil at the end.
        var slot: UInt64? {
            guard let columns else { return nil }
            return UInt64(series[Int(columns.series[row])]) << 32 | columns.quarters[row]
        }

        mutating func fill(withHistograms: Bool) throws(SealedFileError) {
            row = 0
            columns = nil
            histograms = nil
            guard nextBlock < file.blockCount else { return }
            columns = try file.columns(ofBlock: nextBlock)
            if withHistograms { histograms = try file.histograms(ofBlock: nextBlock) }
            nextBlock += 1
        }
    }

    let names: DetailNames
    private var cursors: [Cursor] = []
    private var isBegun = false

    /// - Parameter erasures: Those that a file still needs are applied to its rows.
    init(_ files: [DetailsFile], _ erasures: DetailsErasures) throws(SealedFileError) {
        var series: [[SeriesName]] = []
        var models: [[Name]] = []
        var users: [[Name]] = []
        for file in files {
            series.append(try file.seriesReader.all())
            models.append(try file.modelReader.all())
            users.append(try file.userReader.all())
        }
        let allSeries = Ranking(series)
        let allModels = Ranking(models)
        let allUsers = Ranking(users + [[.erasedDetails]])
        let components = Ranking(files.map { $0.footer.components.map(\.component) })
        names = DetailNames(
            series: allSeries.names, models: allModels.names, users: allUsers.names,
            components: components.names)
        for (index, file) in files.enumerated() {
            cursors.append(
                Cursor(
                    file: file, series: allSeries.ranks[index],
                    models: [0] + allModels.ranks[index].map { $0 + 1 },
                    users: [0] + allUsers.ranks[index].map { $0 + 1 },
                    components: components.ranks[index],
                    erasures: ErasureMap(
                        erasures.pending(for: file), series: names.series, users: names.users)))
        }
    }

    mutating func rewind() {
        isBegun = false
        for index in cursors.indices { cursors[index].nextBlock = 0 }
    }

    mutating func next(
        into rows: inout [DetailRow], withHistograms: Bool
    ) throws(SealedFileError) -> Bool {
        if !isBegun {
            for index in cursors.indices {
                try cursors[index].fill(withHistograms: withHistograms)
            }
            isBegun = true
        }
        guard let slot = cursors.compactMap(\.slot).min() else { return false }
        var count = 0
        for index in cursors.indices {
            while cursors[index].slot == slot {
                if count == rows.count { rows.append(DetailRow()) }
                try take(index, into: &rows[count], withHistograms: withHistograms)
                count += 1
            }
        }
        rows.removeLast(rows.count - count)
        return true
    }

    /// Takes the next row of a file, in the indexes of all names.
    private mutating func take(
        _ index: Int, into row: inout DetailRow, withHistograms: Bool
    ) throws(SealedFileError) {
        guard let columns = cursors[index].columns else { return }
        row.set(cursors[index].row, of: columns, cursors[index].histograms)
        let cursor = cursors[index]
        row.key.series = cursor.series[Int(row.key.series)]
        row.key.model = cursor.models[Int(row.key.model)]
        row.key.user = cursor.erasures.user(
            cursor.users[Int(row.key.user)], ofSeries: row.key.series)
        for amount in row.amounts.indices {
            row.amounts[amount].component =
                cursor.components[Int(row.amounts[amount].component)]
        }
        cursors[index].row += 1
        if cursors[index].row == columns.rowCount {
            try cursors[index].fill(withHistograms: withHistograms)
        }
    }
}
