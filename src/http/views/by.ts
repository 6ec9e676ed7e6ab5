/** Who did it, in audits. A token has no name; that only an admin's may is what can be said. */
export const BY_REST = 'admin (REST)';
