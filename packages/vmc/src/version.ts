/** Version of this client. */
export const vmcVersion = '0.4.0';
