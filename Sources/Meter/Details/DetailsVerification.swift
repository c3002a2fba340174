internal import MeterWire

extension DetailsFile {
    /// Reads every name and row and proves what the file says of itself.
    ///
    /// - Throws: Where a piece is damaged, rows are not in order, or they do not add up to the footer.
    package func verify() throws(SealedFileError) {
        _ = try seriesReader.all()
        _ = try modelReader.all()
        _ = try userReader.all()
        var found = DetailsFooter()
        found.components = footer.components.map {
            ComponentTotal(component: $0.component, total: UsageTotal())
        }
        var last: DetailRow.Key?
        var row = DetailRow()
        for block in footer.blocks.indices {
            let columns = try columns(ofBlock: block)
            let histograms = try histograms(ofBlock: block)
            for index in 0..<columns.rowCount {
                row.set(index, of: columns, histograms)
                if let last, !(last < row.key) {
                    throw .malformed(file: name, part: .piece(2 * block))
                }
                last = row.key
                found.note(row)
            }
        }
        guard found.rowCount == footer.rowCount, found.firstQuarter == footer.firstQuarter,
            found.lastQuarter == footer.lastQuarter, DetailSums(found) == DetailSums(footer)
        else { throw .malformed(file: name, part: .piece(file.pieceCount - 1)) }
    }
}
