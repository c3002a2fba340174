import Crypto
let x = SHA256.self
