@testable import WaldurDouble

/// What a recording looked up in the database, beside the double's tables: usage rows, the items of
/// one resource, and every invoice with its sum.
enum DatabaseDump {
    static func differences(
        _ recorded: JSON,
        _ double: RunningDouble,
        _ correspondence: inout Correspondence
    ) async throws -> [String] {
        let model = double.state.with { $0.model }
        var found: [String] = []
        func compare(_ name: String, _ mine: [String]) {
            guard let rows = recorded[name]?.array else { return }
            let expected = rows.map { row in (row.array ?? []).map(plain).joined(separator: " | ") }
            let missing = Set(expected).subtracting(mine).sorted()
            let added = Set(mine).subtracting(expected).sorted()
            if !missing.isEmpty || !added.isEmpty || expected.count != mine.count {
                found.append("\(name): recorded \(missing), here \(added)")
            }
        }
        compare("usages", usages(model, periods: periods(recorded, model)))
        compare("items_r2", items(model))
        compare("invoices", invoices(model))
        if let usage = recorded["usage"]?.string {
            let mine = model.usages.rows.contains { $0.usage.text(places: 2) == usage }
            if !mine { found.append("no row with usage \(usage)") }
        }
        return found
    }

    /// A cell as text; numbers without their trailing zeros.
    private static func plain(_ value: JSON) -> String {
        let text = value.string ?? value.number ?? value.text
        guard text.contains("."), let number = Decimal10(text) else {
            return text == "0E-10" ? "0" : text
        }
        return number.shortest
    }

    /// The numeric keys of plan periods in the recording, by ours.
    private static func periods(_ recorded: JSON, _ model: WaldurModel) -> [ID: String] {
        var keys: [ID: String] = [:]
        for row in recorded["usages"]?.array ?? [] {
            guard let cells = row.array, cells.count == 6, let key = cells[5].number else {
                continue
            }
            let match = model.usages.rows.filter { usage in
                model.resources[usage.key.resource]?.name == cells[0].string
                    && usage.type == cells[1].string && usage.key.month.name == cells[3].string
                    && usage.usage.text(places: 2) == cells[2].string
            }
            if match.count == 1, let period = match[0].key.planPeriod { keys[period] = key }
        }
        return keys
    }

    private static func usages(_ model: WaldurModel, periods: [ID: String]) -> [String] {
        model.usages.rows.compactMap { row in
            let name = model.resources[row.key.resource]?.name ?? ""
            guard name.hasPrefix("basic-") else { return nil }
            return [
                name, row.type, row.usage.shortest, row.key.month.name, "\(row.recurring)",
                row.key.planPeriod.flatMap { periods[$0] } ?? "none",
            ].joined(separator: " | ")
        }
    }

    private static func items(_ model: WaldurModel) -> [String] {
        model.items.rows.compactMap { item in
            guard model.resources[item.resource]?.name == "basic-r2",
                let invoice = model.invoices[item.invoice]
            else { return nil }
            return [
                "\(invoice.month.year)", "\(invoice.month.number)", invoice.state.rawValue,
                "basic-r2", item.name, item.quantity.shortest, item.unitPrice.shortest,
                item.price.shortest,
            ].joined(separator: " | ")
        }
    }

    private static func invoices(_ model: WaldurModel) -> [String] {
        model.invoices.rows.map { invoice in
            let customer = model.customers[invoice.customer]
            let short = customer?.abbreviation ?? ""
            let name = (customer?.name ?? "") + (short.isEmpty ? "" : " (\(short))")
            let price = model.items(of: invoice).map(\.price).reduce(.zero, +)
            return [
                name, "\(invoice.month.year)", "\(invoice.month.number)", invoice.state.rawValue,
                price.shortest,
            ].joined(separator: " | ")
        }
    }
}
